# The R side of a session. Runs inside the sandbox, in any R from 4.1 on, with base packages only. The
# build joins wire.R, json.R, describe.R, files.R, plots.R, advice.R, console.R, widgets.R, images.R and
# session.R, in this order, to one text.
#
# User code is not evaluated by a function of ours but by R's own top level, so that autoprinting,
# warnings, error messages, sys.call() and the like are R's own. R reads its script from a pipe, and
# this worker feeds that pipe two lines a step:
#
#   .omcp_value; .omcp_done()      a promise of the next top-level expression, forced by the top level;
#                                  what follows the semicolon is read only if it did not fail
#   .omcp_next()                   picks the next expression, or reports and waits for a request
#
# This file: the channels, the life record, frames and marks. Their description is wire.hpp.

s <- new.env(parent = emptyenv())
s$pid <- Sys.getpid()
s$sequence <- 0L
s$held <- raw()      # bytes that were read behind a frame
s$idle <- NA_integer_
s$beats <- 0L
s$given <- 0L          # 1: this sandbox, made to be spare, has been given out
s$life_id <- "-"       # the run under way, as the life record tells it, and when it began
s$life_started <- "0"
s$run <- NULL          # the execution under way
s$results <- list()    # what the last executions reported, by id, for a server that asks late
s$executions <- 0L
s$compiled <- 0L       # how many of our functions are compiled

# Where the top level finds our names: on the search path of every R, never locked, and out of the
# reach of rm(list = ls()).
kDesk <- as.environment("Autoloads")
kWork <- "/sandbox"
kTemp <- "/tmp"
kPayload <- 4059L
kHeader <- 36L
kSlice <- 262144L
kMaxMessage <- 33554432L
kMaxHeader <- 1000L    # of the lines at the head of a request
kNoId <- "0000000000000000"
kMagic <- as.raw(c(2L, 79L, 77L, 50L))
kMagicC <- c(kMagic, charToRaw("C"))
kColon <- charToRaw(":")
kMore <- charToRaw("+")
kLast <- charToRaw(".")
kHex <- charToRaw("0123456789abcdef")
kPlaces <- 16^(7:0)
kNewline <- as.raw(10L)
kEnd <- as.raw(3L)

# ---- channels ----------------------------------------------------------------------------------

kChannels <- list(
  requests = c("/proc/self/fd/4", "rb"),
  control = c("/proc/self/fd/3", "wb"),
  transcript = c("/proc/self/fd/2", "wb"),
  script = c("/proc/self/fd/5", "wb"),
  life = c("/proc/self/fd/6", "r+b"),
  empty = c("/dev/null", "r"))

kOften <- c("requests", "control", "transcript", "script", "life")

open_channel <- function(name) {
  how <- kChannels[[name]]
  s[[name]] <- file(how[1L], how[2L], encoding = "native.enc", raw = TRUE)
}

# After each step of user code: it may have closed a connection of ours, and have got its number for a
# file of its own since, which the connection's identity tells. The descriptors below are out of R's
# reach, and the connection is opened anew.
check_channels <- function(names = kOften) {
  open <- getAllConnections()
  for (name in names) {
    known <- s[[name]]
    number <- as.integer(known)
    if (!match(number, open, 0L) ||
        !identical(attr(.Internal(getConnection(number)), "conn_id"), attr(known, "conn_id"))) {
      open_channel(name)
    }
  }
}

# Our connections' numbers, for who closes all.
channel_numbers <- function() vapply(names(kChannels), function(name) as.integer(s[[name]]), 0L)

put_bytes <- function(bytes, to) {
  writeBin(bytes, to)
  flush(to)
}

feed <- function(lines) put_bytes(charToRaw(lines), s$script)

# The beginning of a file, as bytes; NULL where it cannot be read.
read_start <- function(path, n = 4096L) {
  tryCatch(suppressWarnings({
    from <- file(path, "rb", encoding = "native.enc", raw = TRUE)
    on.exit(close(from))
    readBin(from, "raw", n)
  }), error = function(e) NULL)
}

# Tells the supervisor that the sandbox is in use, for `busy` seconds to come at most, or idle from
# now on, and what runs. It sees that the count has changed and looks at its own clock. Written in
# place: no full disk can keep it from being written.
keep_alive <- function(busy = 0L) {
  s$beats <- s$beats + 1L
  seek(s$life, 0, rw = "write")
  record <- sprintf("%d %d %d %s %s %d", s$idle, s$beats, busy, s$life_id, s$life_started, s$given)
  put_bytes(charToRaw(sprintf("%-79s\n", record)), s$life)
}

# ---- frames out --------------------------------------------------------------------------------

# A message, as frames that each are one write. In an R that was forked nobody may speak.
send <- function(type, id, bytes) {
  if (Sys.getpid() != s$pid) return(invisible())
  if (is.character(bytes)) bytes <- charToRaw(bytes)
  size <- length(bytes)
  at <- 0L
  repeat {
    n <- min(size - at, kPayload)
    more <- at + n < size
    s$sequence <- s$sequence + 1L
    header <- sprintf("\002OM2R%s%s%08x%s%04x:", type, if (more) "+" else ".", s$sequence, id, n)
    put_bytes(c(charToRaw(header), bytes[at + seq_len(n)], kEnd), s$control)
    at <- at + n
    if (!more) return(invisible())
  }
}

mark <- function(letter, id) {
  flush(stdout())
  flush(stderr())
  put_bytes(charToRaw(paste0("\002OM2", letter, id, "\n")), s$transcript)
}

# ---- requests ----------------------------------------------------------------------------------

# Throws away what is in the pipe before a session is up: what the one before it has not read, or has
# itself put there for this one. The server sends anew what still waits for an answer.
drain_requests <- function() {
  tryCatch(suppressWarnings({
    from <- fifo(kChannels$requests[1L], "rb", blocking = FALSE)
    on.exit(close(from))
    while (length(readBin(from, "raw", 65536L))) NULL
  }), error = function(e) NULL)
}

# `held` and as many bytes more as make `n`. When every attached server has gone and the engine has
# closed the stream, there may be others later: the end is forgotten by opening the pipe anew.
read_on <- function(held, n) {
  while (length(held) < n) {
    got <- readBin(s$requests, "raw", n - length(held))
    if (!length(got)) {
      Sys.sleep(0.2)
      close(s$requests)
      open_channel("requests")
    }
    held <- c(held, got)
  }
  held
}

# `bytes` from where a frame begins in them, or could begin with the bytes to come.
from_magic <- function(bytes) {
  for (start in which(bytes == kMagic[1L])) {
    n <- seq_len(min(length(kMagic), length(bytes) - start + 1L))
    if (identical(bytes[start - 1L + n], kMagic[n])) return(bytes[start:length(bytes)])
  }
  raw()
}

# What a header says; NULL for what is none of the server's.
parse_header <- function(bytes) {
  digits <- match(bytes[8:35], kHex) - 1L
  if (!identical(bytes[1:5], kMagicC) || bytes[36L] != kColon || anyNA(digits)) return(NULL)
  size <- sum(digits[25:28] * kPlaces[5:8])
  more <- bytes[7L] == kMore
  if (size > kPayload || !(more || bytes[7L] == kLast) || bytes[6L] == as.raw(0L)) return(NULL)
  list(type = rawToChar(bytes[6L]), more = more, sequence = sum(digits[1:8] * kPlaces),
       id = rawToChar(bytes[16:31]), size = size)
}

# The next frame. What is none is skipped: padding, and what a dying server or user code left.
read_frame <- function() {
  held <- s$held
  s$held <- raw()
  repeat {
    held <- read_on(held, kHeader)
    frame <- parse_header(held[seq_len(kHeader)])
    if (!is.null(frame)) {
      whole <- kHeader + frame$size + 1L
      held <- read_on(held, whole)
      if (held[whole] == kEnd) {
        frame$payload <- held[kHeader + seq_len(frame$size)]
        # Only after garbage there is more than the frame: it is looked through as well.
        s$held <- held[-seq_len(whole)]
        return(frame)
      }
    }
    held <- from_magic(held[-1L])
  }
}

# The next message, whole. A half one is dropped when a frame of another comes; one of which frames
# were lost is read to its end and `broken`.
read_message <- function() {
  first <- NULL
  repeat {
    frame <- read_frame()
    if (is.null(first) || frame$type != first$type || frame$id != first$id) {
      first <- frame
      parts <- list()
      size <- 0L
      broken <- FALSE
    } else if (!isTRUE(frame$sequence == last + 1L)) {
      broken <- TRUE
    }
    last <- frame$sequence
    size <- size + frame$size
    if (size > kMaxMessage) broken <- TRUE
    if (broken) parts <- list() else parts[[length(parts) + 1L]] <- frame$payload
    if (!frame$more) return(list(type = first$type, id = first$id, broken = broken,
                                 bytes = if (length(parts) == 1L) parts[[1L]] else unlist(parts)))
  }
}

# Divides a message into its fields, all of them whole numbers, and its body; NULL for what has not the
# form of a request, as the tail of a message whose beginning was lost.
parse_request <- function(message) {
  bytes <- message$bytes
  head <- bytes[seq_len(min(length(bytes), kMaxHeader))]
  newlines <- which(head == kNewline)
  if (!length(newlines) && length(bytes)) return(NULL)
  blank <- newlines[c(0L, newlines[-length(newlines)]) == newlines - 1L]
  end <- if (length(blank)) blank[1L] else if (length(bytes) > kMaxHeader) return(NULL) else length(bytes)
  head <- head[seq_len(end)]
  if (any(head == as.raw(0L))) return(NULL)
  lines <- strsplit(rawToChar(head), "\n", fixed = TRUE, useBytes = TRUE)[[1L]]
  words <- strsplit(lines[lines != ""], " ", fixed = TRUE, useBytes = TRUE)
  if (!all(lengths(words) == 2L)) return(NULL)
  words <- matrix(as.character(unlist(words)), nrow = 2L)
  fields <- suppressWarnings(as.numeric(words[2L, ]))
  if (anyNA(fields) || any(fields < 0 | fields > 1e15)) return(NULL)
  fields <- as.list(fields)
  names(fields) <- words[1L, ]
  list(type = message$type, id = message$id, fields = fields,
       body = bytes[seq_len(length(bytes) - end) + end])
}
