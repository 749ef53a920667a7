# Runs the worker without a container: an R of its own on descriptors 3 to 6, fed as the supervisor
# feeds it. Requests are frames, and what comes back is read as the server reads it.
#
#   Rscript NAME_test.R WORKER_FOLDER

worker_folder <- commandArgs(TRUE)[1L]
kParts <- c("wire.R", "json.R", "describe.R", "files.R", "plots.R", "advice.R", "console.R",
            "typing.R", "widgets.R", "images.R", "session.R")
kNoId <- strrep("0", 16L)
options(warn = 1, digits.secs = 3)

read_text <- function(path) {
  text <- readBin(path, "raw", file.size(path))
  rawToChar(text)
}

# The worker's text, as the build has it without lines that are a comment, with folders of the test in
# the place of the sandbox's.
worker_text <- function(work, temp) {
  parts <- paste0("\n", vapply(file.path(worker_folder, kParts), read_text, ""))
  text <- gsub("\n *#[^\n]*", "", paste(parts, collapse = ""))
  put <- function(text, name, old, new) {
    line <- sprintf("%s <- \"%s\"", name, old)
    stopifnot(lengths(regmatches(text, gregexpr(line, text, fixed = TRUE))) == 1L)
    sub(line, sprintf("%s <- \"%s\"", name, new), text, fixed = TRUE)
  }
  put(put(put(text, "kWork", "/sandbox", work), "kTemp", "/tmp", temp), "kData", "/data", paste0(work, "-data"))
}

# The shell function that feeds R's script, as the supervisor has it.
feed_function <- function() {
  lines <- readLines(file.path(worker_folder, "supervisor.sh"))
  start <- grep("^feed\\(\\) \\{$", lines)
  end <- grep("^}$", lines)
  paste(lines[start:min(end[end > start])], collapse = "\n")
}

# What comes out of the pipes is copied to files, which can be read without waiting: R's own reading of
# a pipe without waiting may lose what came before it was empty.
follow <- function(x, home) {
  x$logs <- c(control = file.path(home, "control.log"), transcript = file.path(home, "transcript.log"))
  unlink(x$logs)
  x$at <- c(control = 0, transcript = 0)
  x$last <- c(R = 0, S = 0)
  for (name in names(x$logs)) {
    system(sprintf("cat <%s >%s", shQuote(file.path(home, name)), shQuote(x$logs[[name]])), wait = FALSE)
  }
}

# ---- one R with the worker -----------------------------------------------------------------------

new_session <- function(life = "300 0 0 - 0 0", home = tempfile("session-")) {
  x <- new.env()
  x$home <- home
  x$work <- file.path(home, "work")
  x$temp <- file.path(home, "temp")
  for (folder in c(x$work, x$temp)) dir.create(folder, recursive = TRUE, showWarnings = FALSE)
  x$work <- normalizePath(x$work)
  pipes <- file.path(home, c("requests", "control", "transcript", "script"))
  unlink(pipes)
  system2("mkfifo", shQuote(pipes))
  writeLines(worker_text(x$work, x$temp), file.path(home, "worker.R"), sep = "")
  if (is.character(life)) life <- charToRaw(sprintf("%-79s\n", life))
  writeBin(life, file.path(home, "life"))
  follow(x, home)
  # However the test ends, R does.
  reg.finalizer(x, function(x) part_of(tools::pskill(pid_of(x), 9L)), onexit = TRUE)
  x$sequence <- 0L
  x$held <- raw()
  x$text <- raw()
  writeLines(c("cd \"$1\" || exit 1", feed_function(), "worker=$(cat worker.R)",
               "exec 3>control 4<requests 5<>script 6<>life 1>transcript 2>&1 </dev/null",
               "echo $$ >pid", "feed >&5 &", "cd work || exit 1",
               "heeding='env --default-signal=INT,QUIT'",
               "$heeding true 2>/dev/null || heeding=",
               "exec ${2} $heeding R --no-echo --no-restore --no-save --no-init-file --file=/proc/self/fd/5"),
             file.path(home, "start.sh"))
  system2("sh", c(file.path(home, "start.sh"), shQuote(home), shQuote(Sys.getenv("WRAP"))),
          wait = FALSE)
  # Only now, so that no process that was started above keeps the pipe open as well.
  x$requests <- fifo(pipes[1L], "w+b", blocking = TRUE)
  x
}

part_of <- function(e) tryCatch(suppressWarnings(e), error = function(e) NULL)
pid_of <- function(x) as.integer(readLines(file.path(x$home, "pid")))

end_session <- function(x) {
  tools::pskill(pid_of(x), 9L)
  unlink(file.path(x$home, "pid"))
  close(x$requests)
}

# ---- frames ----------------------------------------------------------------------------------------

new_id <- function() paste(sample(c(0:9, letters[1:6]), 16L, TRUE), collapse = "")

frame <- function(type, id, payload, more = FALSE, sequence = 1L) {
  if (is.character(payload)) payload <- charToRaw(payload)
  header <- sprintf("\002OM2C%s%s%08x%s%04x:", type, if (more) "+" else ".", sequence, id,
                    length(payload))
  c(charToRaw(header), payload, as.raw(3L))
}

put <- function(x, bytes) writeBin(bytes, x$requests)

request <- function(x, type, fields = list(), body = raw(), id = new_id()) {
  if (is.character(body)) body <- charToRaw(body)
  head <- paste(c(sprintf("%s %.0f\n", names(fields), unlist(fields)), "\n"), collapse = "")
  message <- c(charToRaw(head), body)
  repeat {
    n <- min(4059L, length(message))
    x$sequence <- x$sequence + 1L
    put(x, frame(type, id, message[seq_len(n)], n < length(message), x$sequence))
    message <- message[-seq_len(n)]
    if (!length(message)) return(id)
  }
}

drain <- function(x, name) {
  size <- file.size(x$logs[[name]])
  if (is.na(size) || size <= x$at[[name]]) return(raw())
  from <- file(x$logs[[name]], "rb", raw = TRUE)
  on.exit(close(from))
  seek(from, x$at[[name]])
  got <- readBin(from, "raw", size - x$at[[name]])
  x$at[[name]] <- size
  got
}

# The next frame within `limit` seconds, or NULL. Each must be whole, and its sequence the next.
next_frame <- function(x, limit = 20) {
  until <- Sys.time() + limit
  repeat {
    x$held <- c(x$held, drain(x, "control"))
    x$text <- c(x$text, drain(x, "transcript"))
    if (length(x$held) >= 37L) {
      header <- rawToChar(x$held[1:36])
      if (!grepl("^\002OM2[RS][a-zA-Z][+.][0-9a-f]{28}:$", header, useBytes = TRUE)) {
        stop("no frame: ", encodeString(header))
      }
      size <- strtoi(substr(header, 32L, 35L), 16L)
      if (length(x$held) >= 37L + size) {
        stopifnot(size <= 4059L, x$held[37L + size] == as.raw(3L))
        made <- list(writer = substr(header, 5L, 5L), type = substr(header, 6L, 6L),
                     more = substr(header, 7L, 7L) == "+",
                     sequence = strtoi(substr(header, 8L, 15L), 16L), id = substr(header, 16L, 31L),
                     payload = x$held[36L + seq_len(size)])
        x$held <- x$held[-seq_len(37L + size)]
        # A new R counts from 1.
        stopifnot(made$sequence == x$last[[made$writer]] + 1L || (made$writer == "R" && made$sequence == 1L))
        x$last[[made$writer]] <- made$sequence
        return(made)
      }
    }
    if (Sys.time() > until) return(NULL)
    Sys.sleep(0.002)
  }
}

# The next message; heartbeats of a supervisor are passed over.
next_message <- function(x, limit = 20) {
  first <- NULL
  parts <- raw()
  repeat {
    one <- next_frame(x, limit)
    if (is.null(one)) return(NULL)
    if (one$writer == "S" && one$type == "t") next
    if (is.null(first)) first <- one
    stopifnot(first$type == one$type, first$id == one$id)
    parts <- c(parts, one$payload)
    if (!one$more) break
  }
  first$payload <- parts
  first$body <- if (!any(parts == 0)) rawToChar(parts)
  first
}

expect <- function(x, type, limit = 20) {
  got <- next_message(x, limit)
  if (is.null(got)) stop("no message came, and ", type, " was expected; transcript: ", shown(x))
  if (got$type != type) stop("expected ", type, ", got ", got$type, ": ", got$body)
  got
}

# A call: its answer's text, or an error with the text of its failure.
ask <- function(x, type, fields = list(), body = raw()) {
  id <- request(x, type, fields, body)
  got <- next_message(x)
  stopifnot(!is.null(got), got$id == id)
  if (got$type == "F") stop(got$body)
  stopifnot(got$type == "A")
  got$payload
}

failure <- function(expression) {
  tryCatch({
    expression
    ""
  }, error = function(e) conditionMessage(e))
}

put_file <- function(x, path, bytes, offset = 0, last = 1) {
  if (is.character(bytes)) bytes <- charToRaw(bytes)
  invisible(ask(x, "p", list(path_bytes = nchar(path, "bytes"), offset = offset, last = last),
                c(charToRaw(path), bytes)))
}

# Starts R anew where `x` was, with what the supervisor leaves in the life record.
greet <- function(x, ...) {
  id <- request(x, "h", list(...))
  got <- expect(x, "H")
  stopifnot(got$id == id)
  from_json(got$body)
}

ready_session <- function(...) {
  x <- new_session(...)
  got <- expect(x, "R", 60)
  stopifnot(got$id == kNoId)
  x
}

# Text that the code printed, between the marks of its run; without B for what has not begun.
shown <- function(x, id = NULL) {
  x$text <- c(x$text, drain(x, "transcript"))
  text <- rawToChar(x$text[x$text != 0])
  if (is.null(id)) return(text)
  after <- strsplit(text, sprintf("\002OM2B%s\n", id), fixed = TRUE, useBytes = TRUE)[[1L]]
  if (length(after) < 2L) return(NA_character_)
  strsplit(paste0(after[2L], " "), sprintf("\002OM2E%s\n", id), fixed = TRUE, useBytes = TRUE)[[1L]][1L]
}

# Waits until a run has printed `what`.
printed <- function(x, id, what, limit = 20) {
  until <- Sys.time() + limit
  while (!grepl(what, shown(x, id), fixed = TRUE)) {
    if (Sys.time() > until) stop("'", what, "' was not printed: ", shown(x))
    Sys.sleep(0.02)
  }
}

# Runs code and collects all that comes of it.
run <- function(x, code, ..., limit = 60) {
  id <- request(x, "r", list(timeout = 60, ...), code)
  collect(x, id, limit)
}

# A page takes the place of what had its number before.
take_page <- function(result, payload) {
  head <- rawToChar(payload[1:5])
  stopifnot(grepl("^[0-9a-f]{4}[fos]$", head))
  number <- as.character(strtoi(substr(head, 1L, 4L), 16L))
  result$sent <- c(result$sent, paste0(number, substr(head, 5L, 5L)))
  ours <- 1:5
  if (endsWith(head, "s")) {
    ours <- seq_len(7L + strtoi(rawToChar(payload[6:7]), 16L))
    result$files <- c(result$files, rawToChar(payload[ours[-(1:7)]]))
  }
  result$pages[[number]] <- if (length(payload) > length(ours)) payload[-ours]
  result
}

collect <- function(x, id, limit = 60) {
  result <- list(id = id, pages = list(), warned = list(), sent = character())
  repeat {
    got <- next_message(x, limit)
    if (is.null(got)) stop("no report came; transcript: ", shown(x))
    stopifnot(got$id == id)
    if (got$type == "P") result <- take_page(result, got$payload)
    else if (got$type == "W") result$warned[[length(result$warned) + 1L]] <- from_json(got$body)
    else break
  }
  stopifnot(got$type == "D")
  result$bytes <- length(got$payload)
  result$report <- from_json(got$body)
  # Outside of a sandbox these are the processes of the whole machine.
  result$report$left_running <- result$report$left_running_count <- NULL
  Sys.sleep(0.01)
  # With each page's number as [n] where it has its last place: marks are not text.
  text <- gsub("\002OM2P[0-9a-f]{12}([0-9a-f]{4})\n", "\003\\1\003", shown(x, id), useBytes = TRUE)
  result$placed <- gsub("\003(....)\003(?=.*\003\\1\003)", "", text, perl = TRUE, useBytes = TRUE)
  result$placed <- gsub("\0030*([0-9a-f]*)\003", "[\\1]", result$placed, useBytes = TRUE)
  result$output <- gsub("\003....\003", "", text, useBytes = TRUE)
  result
}

paths_of <- function(report) vapply(report$files, `[[`, "", "path")

# ---- JSON ------------------------------------------------------------------------------------------

# Strict, so that a report that is no JSON is seen. Objects and arrays become lists.
from_json <- function(text) {
  stopifnot(validUTF8(text))
  at <- 1L
  bytes <- charToRaw(text)
  fail <- function(what) stop("no JSON at ", at, ": ", what, ": ", text)
  skip <- function() while (at <= length(bytes) && bytes[at] %in% as.raw(c(9, 10, 13, 32))) at <<- at + 1L
  char <- function() if (at > length(bytes)) "" else rawToChar(bytes[at])
  take <- function(what) if (char() == what) at <<- at + 1L else fail(paste("expected", what))
  string <- function() {
    take("\"")
    start <- at
    while (char() != "\"") {
      if (char() == "" || as.integer(bytes[at]) < 32L) fail("a bad string")
      at <<- at + if (char() == "\\") 2L else 1L
    }
    inner <- bytes[start - 1L + seq_len(at - start)]
    at <<- at + 1L
    inner <- rawToChar(inner)
    if (grepl("\\\\([^\"\\\\/bfnrtu]|$)", gsub("\\\\\\\\", "", inner), useBytes = TRUE)) fail("a bad escape")
    made <- eval(parse(text = paste0("\"", gsub("\\/", "/", inner, fixed = TRUE, useBytes = TRUE), "\""),
                       encoding = "UTF-8"))
    Encoding(made) <- "UTF-8"
    made
  }
  many <- function(open, close, one) {
    take(open)
    made <- list()
    skip()
    if (char() == close) {
      at <<- at + 1L
      return(made)
    }
    repeat {
      made <- c(made, one())
      skip()
      if (char() != ",") break
      at <<- at + 1L
      skip()
    }
    take(close)
    made
  }
  value <- function() {
    skip()
    if (char() == "{") {
      return(many("{", "}", function() {
        name <- string()
        skip()
        take(":")
        structure(list(value()), names = name)
      }))
    }
    if (char() == "[") return(many("[", "]", function() list(value())))
    if (char() == "\"") return(string())
    rest <- rawToChar(bytes[at:min(length(bytes), at + 40L)])
    for (word in c("true", "false", "null")) {
      if (startsWith(rest, word)) {
        at <<- at + nchar(word)
        return(list(true = TRUE, false = FALSE, null = NULL)[[word]])
      }
    }
    number <- regmatches(rest, regexpr("^-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][-+]?[0-9]+)?", rest,
                                       useBytes = TRUE))
    if (!length(number)) fail("no value")
    at <<- at + nchar(number)
    as.numeric(number)
  }
  made <- value()
  skip()
  if (at <= length(bytes)) fail("something behind it")
  made
}

# ---- tests -----------------------------------------------------------------------------------------

failures <- 0L

test <- function(name, body) {
  started <- Sys.time()
  problem <- tryCatch({
    body
    NULL
  }, error = function(e) paste(conditionMessage(e), " in ",
                               paste(deparse(conditionCall(e)), collapse = " ")))
  took <- as.numeric(difftime(Sys.time(), started, units = "secs"))
  cat(sprintf("%-4s %5.2f s  %s\n", if (is.null(problem)) "ok" else "FAIL", took, name))
  if (!is.null(problem)) {
    cat("     ", problem, "\n")
    failures <<- failures + 1L
  }
}

is <- function(got, wanted) {
  if (!identical(got, wanted)) {
    stop("got ", paste(deparse(got), collapse = " "), ", wanted ", paste(deparse(wanted), collapse = " "))
  }
}

has <- function(text, wanted) {
  if (!grepl(wanted, text, fixed = TRUE)) stop("'", text, "' lacks '", wanted, "'")
}

finish_tests <- function() {
  cat(if (failures) sprintf("%d failed\n", failures) else "all passed\n")
  quit(status = if (failures) 1L else 0L)
}
