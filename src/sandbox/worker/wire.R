# The R side of a session. Runs inside the sandbox, in any R from 4.1 on, with base packages only. The
# build joins wire.R, json.R, describe.R, files.R, plots.R, advice.R, console.R, typing.R, widgets.R,
# images.R and session.R, in this order, to one text.
#
# User code is not evaluated by a function of ours but by R's own top level, so that autoprinting,
# warnings, error messages, sys.call() and the like are R's own. R reads its script from a pipe, and
# this worker feeds that pipe three lines a step:
#
#   .omcp_value; .omcp_done()   a promise of the next top-level expression, forced by the top level;
#                               what follows the semicolon is read only if it did not fail
#   .omcp_next()                picks the next expression, or reports and waits for a request
#   .omcp_again()               read while the line before it works: there R's debugger has opened, or
#                               a jump has ended it; read behind it there is nothing to do
#
# R's debugger looks for the functions from where it has opened, which may be a place that the search
# path is not seen from: they are in a table of base's own. The promise is on the search path.
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
s$numbers <- integer() # of our connections, and what they are known by
s$identities <- list()
s$compiled <- 0L       # how many of our functions are compiled
s$rehearsed <- FALSE
s$fed <- TRUE          # whether the top level has a step to read
s$asked <- NULL        # the request that is being answered
s$traced <- TRUE       # whether what trace() has marked is traced in the code
s$unwound <- 0L        # how many steps in a row have come to no end of theirs: see go_on()

# Where the top level finds our names: the functions in what code never sees or clears, and the promise on
# the search path of every R, out of the reach of rm(list = ls()).
kTable <- .BaseNamespaceEnv[[".__S3MethodsTable__."]]
s$desk <- as.environment("Autoloads")
kPromise <- ".omcp_value"
s$promise <- kPromise
kWork <- "/sandbox"
kTemp <- "/tmp"
kPayload <- 4059L
kHeader <- 36L
kSlice <- 262144L
kAtOnce <- 4096L       # bytes of requests that are read at once: a frame
kManyFrames <- 16L     # that are read at once of a message of many: what a pipe holds
kMaxMessage <- 33554432L
kMaxHeader <- 1000L    # of the lines at the head of a request
kNoId <- "0000000000000000"
kMagic <- as.raw(c(2L, 79L, 77L, 50L))
kMagicC <- c(kMagic, charToRaw("C"))
kColon <- charToRaw(":")
kMore <- charToRaw("+")
kLast <- charToRaw(".")
kDigits <- replace(rep(NA_integer_, 256L), as.integer(charToRaw("0123456789abcdef")) + 1L, 0:15) # by byte
kPlaces <- 16^(7:0)
kLowPlaces <- kPlaces[5:8]
kNewline <- as.raw(10L)
kReturn <- as.raw(13L)
kEnd <- as.raw(3L)

# ---- R's internals ------------------------------------------------------------------------------
# What R's functions do around these is most of what a short run would take: dispatch, and checks of
# arguments that are known here. Each stands in one place, and is run in every R that is tested.

write_raw <- function(bytes, to) .Internal(writeBin(bytes, to, NA_integer_, FALSE, FALSE))
# The pieces go out in one write as well, where they are no more than a frame.
put_text <- function(pieces, to) {
  .Internal(writeLines(pieces, to, "", TRUE))
  flush_out(to)
}
read_raw <- function(from, n) .Internal(readBin(from, "raw", n, 1L, TRUE, FALSE))
flush_out <- function(to) .Internal(flush(to))
rewind <- function(to) .Internal(seek(to, 0, 1L, 2L))
open_to_read <- function(path) .Internal(file(path, "rb", TRUE, "native.enc", "default", TRUE))
close_it <- function(connection) .Internal(close(connection, "rw"))
bytes_from <- function(bytes) .Internal(rawConnection("bytes", bytes, "rb"))
info_of <- function(paths) .Internal(file.info(paths, FALSE)) # size, isdir, mode, mtime, ctime, atime
parse_text <- function(text) .Internal(parse(kConsole, NULL, text, "?", "<text>", "UTF-8"))
# What is left at a condition that is one of `handlers`: the value is then none of the expression's.
guard <- function(expression, handlers) {
  .Internal(.addCondHands(names(handlers), handlers, emptyenv(), environment(), FALSE))
  expression
}
muffle <- function(expression) {
  .Internal(.addCondHands("warning", kMuffle, emptyenv(), NULL, TRUE))
  expression
}
kMuffle <- list(function(w) tryInvokeRestart("muffleWarning"))
kConsole <- stdin()
kOutput <- stdout()
kErrors <- stderr()

# ---- channels ----------------------------------------------------------------------------------

kChannels <- list(
  requests = c("/proc/self/fd/4", "rb"),
  control = c("/proc/self/fd/3", "wb"),
  transcript = c("/proc/self/fd/2", "wb"),
  script = c("/proc/self/fd/5", "wb"),
  life = c("/proc/self/fd/6", "r+b"),
  empty = c("/dev/null", "r"))

kOften <- c("requests", "control", "transcript", "script", "life")

s$links <- lapply(kChannels, function(how) Sys.readlink(how[1L]))

# Where a channel is: at a descriptor of this process or, where code has closed that, of the supervisor.
place_of <- function(name) {
  path <- kChannels[[name]][1L]
  places <- c(path, sub("self", "1", path, fixed = TRUE))
  c(places[Sys.readlink(places) == s$links[[name]]], path)[1L]
}

# Requests are read by fifo(), which keeps nothing in a buffer of C's, where the engine gives a pipe.
open_channel <- function(name) {
  path <- place_of(name)
  how <- kChannels[[name]][2L]
  open <- function() {
    opened <- if (name == "requests") part(suppressWarnings(fifo(path, how, blocking = TRUE)))
    if (name == "requests") s$at_once <- if (is.null(opened)) 0L else kAtOnce
    if (is.null(opened)) opened <- part(suppressWarnings(file(path, how, encoding = "native.enc", raw = TRUE)))
    opened
  }
  opened <- open()
  # Where code has taken every connection or descriptor, one of its own makes room.
  others <- setdiff(getAllConnections(), c(0:2, s$numbers))
  while (is.null(opened) && length(others)) {
    part(suppressWarnings(close_it(.Internal(getConnection(others[length(others)])))))
    others <- others[-length(others)]
    opened <- open()
  }
  if (is.null(opened)) stop("a channel cannot be opened")
  s[[name]] <- opened
  s$numbers[[name]] <- as.integer(opened)
  s$identities[[name]] <- attr(opened, "conn_id")
}

# Code may have closed a connection of ours, and have got its number for a file of its own since, which
# the connection's identity tells.
are_ours <- function(names) {
  numbers <- s$numbers[names]
  identities <- s$identities[names]
  if (anyNA(match(numbers, getAllConnections()))) return(FALSE)
  found <- identities
  for (i in seq_along(found)) found[[i]] <- attr(.Internal(getConnection(numbers[[i]])), "conn_id")
  identical(found, identities)
}

# After each step of user code. They are looked at all at once first.
check_channels <- function(names = kOften) {
  if (!are_ours(names)) for (name in names) if (!are_ours(name)) open_channel(name)
}

# Forgets what has come of a channel: its stream has ended, or code has closed its descriptor.
reopen <- function(name) {
  if (are_ours(name)) part(suppressWarnings(close_it(s[[name]])))
  open_channel(name)
}

put_bytes <- function(bytes, to) {
  write_raw(bytes, to)
  flush_out(to)
}

feed <- function(lines) {
  put_text(lines, s$script)
  s$fed <- TRUE
}
kOurs <- ".BaseNamespaceEnv$.__S3MethodsTable__.$"
kAgain <- paste0(kOurs, ".omcp_again()\n")
kNext <- paste0(kOurs, ".omcp_next()\n", kAgain)

# The beginning of a file, as bytes; NULL where it cannot be read.
read_start <- function(path, n = 4096L) {
  tryCatch(suppressWarnings({
    from <- open_to_read(path)
    on.exit(close_it(from))
    read_raw(from, n)
  }), error = function(e) NULL)
}

# Tells the supervisor that the sandbox is in use, for `busy` seconds to come at most, or idle from
# now on, and what runs. It sees that the count has changed and looks at its own clock. Written in
# place: no full disk can keep it from being written.
keep_alive <- function(busy = 0L) {
  s$beats <- s$beats + 1L
  rewind(s$life)
  record <- sprintf("%d %d %d %s %s %d", s$idle, s$beats, busy, s$life_id, s$life_started, s$given)
  put_text(c(record, kFill[80L - nchar(record, "bytes")], "\n"), s$life)
}
kFill <- strrep(" ", 0:79) # what makes a record 79 bytes

# ---- frames out --------------------------------------------------------------------------------

header_of <- function(type, more, number, id, size) {
  sprintf("\002OM2R%s%s%08x%s%04x:", type, more, number, id, size)
}

# A message, as frames that each are one write. In an R that was forked nobody may speak.
send <- function(type, id, bytes) {
  if (Sys.getpid() != s$pid) return(invisible())
  number <- s$sequence + 1L
  if (is.character(bytes)) {
    size <- nchar(bytes, "bytes")
    if (size <= kPayload) {
      put_text(c(header_of(type, ".", number, id, size), bytes, "\003"), s$control)
      s$sequence <- number
      return(invisible())
    }
    bytes <- charToRaw(bytes)
  }
  size <- length(bytes)
  from <- if (size > kMany) part(bytes_from(bytes))
  if (!is.null(from)) on.exit(close_it(from))
  at <- 0L
  repeat {
    n <- min(size - at, kPayload)
    more <- at + n < size
    number <- s$sequence + 1L
    # Where a connection has been closed, nothing goes out and the number stays free, but for a message
    # that has begun: that it breaks off is told by the gap.
    if (at > 0L) s$sequence <- number
    header <- header_of(type, if (more) "+" else ".", number, id, n)
    payload <- if (is.null(from)) bytes[at + seq_len(n)] else read_raw(from, n)
    put_bytes(c(charToRaw(header), payload, kEnd), s$control)
    s$sequence <- number
    at <- at + n
    if (!more) return(invisible())
  }
}

mark <- function(letter, id) {
  flush_out(kOutput)
  flush_out(kErrors)
  put_text(c("\002OM2", letter, id, "\n"), s$transcript)
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

# Sleeping heeds interrupts even where they are suspended.
pause <- function(seconds) tryCatch(Sys.sleep(seconds), interrupt = function(e) NULL)

# As many bytes more as make s$held have `n`, and of `ahead` as many as come with them. They are kept there,
# where nothing that unwinds this loses them. When every attached server has gone and the engine has closed
# the stream, there may be others later: the end is forgotten by opening the pipe anew.
read_on <- function(n, ahead) {
  failed <- 0L
  while (length(s$held) < n) {
    # A signal ends a read that waits, which to fifo() is an error, and no other than that code has
    # closed the descriptor or made it wait for nothing.
    got <- part(read_raw(s$requests, max(n - length(s$held), ahead)))
    failed <- if (is.null(got)) failed + 1L else 0L
    if (failed > 3L || (failed == 0L && !length(got))) {
      pause(0.2)
      reopen("requests")
    }
    s$held <- if (length(s$held)) c(s$held, got) else got
  }
}

# What comes after the first `n` of `bytes`. Many are copied as a whole by way of a connection, which takes
# a fifth of the time of looking each up by its place; where code has taken every connection, that way.
behind <- function(bytes, n) {
  size <- length(bytes)
  if (n >= size) return(bytes[0L])
  from <- if (size - n > kMany) part(bytes_from(bytes))
  if (is.null(from)) return(bytes[(n + 1L):size])
  on.exit(close_it(from))
  read_raw(from, n)
  read_raw(from, size - n)
}
kMany <- 16384L

# What a header says; NULL for what is none of the server's.
parse_header <- function(bytes) {
  digits <- kDigits[as.integer(bytes[8:35]) + 1L]
  if (!all(bytes[1:5] == kMagicC) || bytes[36L] != kColon || anyNA(digits)) return(NULL)
  size <- sum(digits[25:28] * kLowPlaces)
  more <- bytes[7L] == kMore
  if (size > kPayload || !(more || bytes[7L] == kLast) || bytes[6L] == as.raw(0L)) return(NULL)
  list(type = rawToChar(bytes[6L]), more = more, sequence = sum(digits[1:8] * kPlaces),
       id = rawToChar(bytes[16:31]), size = size, header = bytes)
}

# Leaves in s$held what comes from where the next frame begins, or could begin with the bytes to come.
# Each place is looked at where it is: copying what follows it would take the square of all.
skip_junk <- function() {
  size <- length(s$held)
  starts <- 1L + which(s$held[-1L] == kMagic[1L])
  for (i in 2:5) starts <- starts[starts + i - 1L > size | s$held[pmin(starts + i - 1L, size)] == kMagicC[i]]
  for (start in starts) {
    end <- start + kHeader
    if (end <= size) {
      header <- parse_header(s$held[start:(end - 1L)])
      if (is.null(header)) next
      end <- end + header$size
    }
    if (end > size || s$held[end] == kEnd) return(s$held <- behind(s$held, start - 1L))
  }
  s$held <- raw()
}

# The next frame. What is none is skipped: padding, and what a dying server or user code left.
read_frame <- function(ahead) {
  repeat {
    read_on(kHeader, ahead)
    frame <- parse_header(s$held[seq_len(kHeader)])
    if (!is.null(frame)) {
      whole <- kHeader + frame$size + 1L
      if (length(s$held) < whole) read_on(whole, ahead)
      if (s$held[whole] == kEnd) {
        frame$payload <- s$held[kHeader + seq_len(frame$size)]
        s$held <- behind(s$held, whole)
        return(frame)
      }
    }
    skip_junk()
  }
}

# How many frames that go on behind `frame`, each of them full, have been read: those of a large message,
# all of which are looked at together.
full_frames <- function(frame) {
  n <- min(length(s$held) %/% kAtOnce, kManyFrames)
  if (n == 0L || frame$size != kPayload) return(0L)
  frames <- seq_len(n)
  digits <- matrix(kDigits[as.integer(s$held[kOrders[, frames]]) + 1L], 8L)
  same <- matrix(s$held[kOthers[, frames]] == c(frame$header[kAlike], kEnd), ncol = n)
  good <- colSums(!same) == 0 & colSums(digits * kPlaces) == frame$sequence + frames
  match(FALSE, good %in% TRUE, n + 1L) - 1L
}
kAlike <- c(1:7, 16:kHeader) # of a header: all but the sequence
kFrameStarts <- kAtOnce * 0:(kManyFrames - 1L)
kOrders <- outer(8:15, kFrameStarts, `+`)                # where frames that are full have their sequence,
kOthers <- outer(c(kAlike, kAtOnce), kFrameStarts, `+`)  # the rest of their header and their last byte,
kPayloads <- outer((kHeader + 1L):(kAtOnce - 1L), kFrameStarts, `+`) # and their payload

# The next message, whole. A half one is dropped when a frame of another comes; one of which frames
# were lost is read to its end and `broken`.
read_message <- function() {
  first <- NULL
  repeat {
    frame <- read_frame(if (is.null(first)) s$at_once else kManyFrames * s$at_once)
    if (is.null(first) || frame$type != first$type || frame$id != first$id) {
      first <- frame
      parts <- list()
      size <- 0
      broken <- FALSE
    } else if (!isTRUE(frame$sequence == last + 1L)) {
      broken <- TRUE
    }
    payload <- frame$payload
    more <- if (frame$more) full_frames(frame) else 0L
    if (more > 0L) {
      payload <- c(payload, s$held[kPayloads[, seq_len(more)]])
      s$held <- behind(s$held, more * kAtOnce)
    }
    last <- frame$sequence + more
    size <- size + length(payload)
    if (size > kMaxMessage) broken <- TRUE
    if (broken) parts <- list() else parts[[length(parts) + 1L]] <- payload
    if (!frame$more) return(list(type = first$type, id = first$id, broken = broken,
                                 bytes = if (length(parts) == 1L) parts[[1L]] else unlist(parts)))
  }
}

# Divides a message into its fields, all of them whole numbers, and its body; NULL for what has not the
# form of a request, as the tail of a message whose beginning was lost.
parse_request <- function(message) {
  bytes <- message$bytes
  head <- bytes[seq_len(min(length(bytes), kMaxHeader))]
  newlines <- seq_along(head)[head == kNewline]
  if (!length(newlines) && length(bytes)) return(NULL)
  blank <- newlines[c(0L, newlines[-length(newlines)]) == newlines - 1L]
  end <- if (length(blank)) blank[1L] else if (length(bytes) > kMaxHeader) return(NULL) else length(bytes)
  head <- head[seq_len(end)]
  if (any(head == as.raw(0L))) return(NULL)
  # Each line is a name and a number: all of them together are such words in turn.
  breaks <- newlines[newlines <= end]
  head[breaks] <- as.raw(32L)
  words <- strsplit(rawToChar(head), " ", fixed = TRUE, useBytes = TRUE)[[1L]]
  words <- words[words != ""]
  n <- length(breaks) - (length(blank) > 0L)
  if (length(words) != 2L * n) return(NULL)
  fields <- muffle(as.numeric(words[2L * seq_len(n)]))
  if (anyNA(fields) || any(fields < 0 | fields > 1e15)) return(NULL)
  fields <- as.vector(fields, "list")
  names(fields) <- words[2L * seq_len(n) - 1L]
  list(type = message$type, id = message$id, fields = fields,
       body = behind(bytes, end))
}
