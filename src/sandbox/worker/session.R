# The R side of a session. Runs inside the sandbox, in any R from 4.1 on, with base packages only.
#
# User code is not evaluated by a function of ours but by R's own top level, so that autoprinting,
# warnings, error messages, sys.call() and the like are R's own. R reads its script from a pipe, and
# this worker feeds that pipe two lines a step:
#
#   .omcp_value; .omcp_done()      a promise of the next top-level expression, forced by the top level;
#                                  what follows the semicolon is read only if it did not fail
#   .omcp_next()                   picks the next expression, or reports and waits for a request
#
# Requests arrive on descriptor 4, a line each: fields separated by \x02, "." the last, escapes by
# \x01. Frames leave on descriptor 3: "OMCP1 TYPE ID LENGTH\n", LENGTH bytes, "\n". The transcript is
# descriptors 1 and 2; the output of an execution stands there between its two marks.

s <- new.env(parent = emptyenv())
s$pid <- Sys.getpid()
s$requests <- file("/proc/self/fd/4", "rb", raw = TRUE)
s$control <- file("/proc/self/fd/3", "wb", raw = TRUE)
s$transcript <- file("/proc/self/fd/2", "wb", raw = TRUE)
s$feed <- file("/proc/self/fd/5", "wb", raw = TRUE)
s$life <- file("/proc/self/fd/6", "r+b", raw = TRUE)
s$idle <- NA_integer_
s$beats <- 0L
s$run <- NULL          # the execution under way
s$results <- list()    # what the last executions reported, by id, for a server that asks late
s$history <- list()    # the code of this session
s$executions <- 0L
s$compiled <- FALSE
s$device <- list(width = 768L, height = 512L, res = 96L)
s$pages <- character() # the folder of our graphics device's pages
s$last_page <- raw()
s$ended <- integer() # pages that have ended, by folder
s$recordings <- list() # of the pages that ended in the execution under way

# Where the top level finds our names: on the search path of every R, never locked, and out of the
# reach of rm(list = ls()).
kDesk <- as.environment("Autoloads")
kWork <- "/sandbox"
kKeptResults <- 8L
kMaxPages <- 20L
kImageBytes <- 525000L # in all: in base64 that leaves a third of a line of 1,000,000 bytes
kMaxMessage <- 8000L
kMaxFiles <- 1000L
kMaxList <- 100L

# ---- small things ----------------------------------------------------------------------------

# Tells the supervisor that the sandbox is in use, for `busy` seconds to come at most, or idle from
# now on. It sees that the count has changed and looks at its own clock. Written in place: no full
# disk can keep it from being written.
keep_alive <- function(busy = 0L) {
  s$beats <- s$beats + 1L
  seek(s$life, 0, rw = "write")
  writeBin(charToRaw(sprintf("%-47s\n", paste(s$idle, s$beats, busy))), s$life)
  flush(s$life)
}

frame <- function(type, id, bytes) {
  if (is.character(bytes)) bytes <- charToRaw(bytes)
  writeBin(c(charToRaw(paste0("OMCP1 ", type, " ", id, " ", length(bytes), "\n")), bytes,
             as.raw(10L)), s$control)
  flush(s$control)
}

mark <- function(what, id) {
  flush(stdout())
  flush(stderr())
  writeBin(charToRaw(paste0("\002OMCP1 ", what, " ", id, "\n")), s$transcript)
  flush(s$transcript)
}

unescape <- function(x) {
  if (!any(grepl("\001", x, fixed = TRUE, useBytes = TRUE))) return(x)
  for (p in list(c("\001B", "\n"), c("\001C", "\r"), c("\001D", "\002"), c("\001A", "\001"))) {
    x <- gsub(p[1L], p[2L], x, fixed = TRUE, useBytes = TRUE)
  }
  x
}

read_request <- function() {
  repeat {
    line <- readLines(s$requests, 1L, warn = FALSE, skipNul = TRUE)
    if (!length(line)) {
      Sys.sleep(0.2) # every attached server has gone and the engine closed the stream
      next
    }
    fields <- strsplit(line, "\002", fixed = TRUE, useBytes = TRUE)[[1L]]
    n <- length(fields)
    # A half line that a dying server left is finished by the next server's leading newline.
    if (n < 4L || n %% 2L != 0L || fields[1L] != "OMCP1" || fields[n] != ".") next
    values <- unescape(fields[-c(1L, n)])
    Encoding(values) <- "UTF-8"
    keys <- values[c(TRUE, FALSE)]
    values <- values[c(FALSE, TRUE)]
    return(structure(as.list(values), names = keys))
  }
}

# ---- JSON --------------------------------------------------------------------------------------

json_string <- function(x) {
  x <- enc2utf8(as.character(x))
  missing <- is.na(x)
  bad <- !validUTF8(x)
  if (any(bad)) x[bad] <- iconv(x[bad], "UTF-8", "UTF-8", sub = "byte")
  if (any(grepl("[\\\\\"\001-\037]", x, useBytes = TRUE))) {
    x <- gsub("\\", "\\\\", x, fixed = TRUE)
    x <- gsub("\"", "\\\"", x, fixed = TRUE)
    x <- gsub("\n", "\\n", x, fixed = TRUE)
    x <- gsub("\t", "\\t", x, fixed = TRUE)
    x <- gsub("\r", "\\r", x, fixed = TRUE)
    for (code in unique(unlist(regmatches(x, gregexpr("[\001-\037]", x))))) {
      x <- gsub(code, sprintf("\\u%04x", utf8ToInt(code)), x, fixed = TRUE)
    }
  }
  ifelse(missing, "null", paste0("\"", x, "\""))
}

json_strings <- function(x) paste0("[", paste(json_string(x), collapse = ","), "]")

json_object <- function(fields) {
  fields <- fields[!vapply(fields, is.null, NA)]
  if (!length(fields)) return("{}")
  paste0("{", paste0("\"", names(fields), "\":", unlist(fields), collapse = ","), "}")
}

json_number <- function(x) {
  ifelse(is.finite(x), format(x, digits = 15L, trim = TRUE, scientific = NA), "null")
}

json_int <- function(x) if (is.na(x)) "null" else as.character(x)

# ---- what is told of values, conditions and files ----------------------------------------------

clip <- function(x, n = 200L) {
  x <- paste(x, collapse = " ")
  if (is.na(x) || nchar(x, "bytes") <= n) x else paste0(substr(x, 1L, n), "...")
}

clip_each <- function(x, n = 200L) {
  long <- !is.na(x) & nchar(x, "bytes") > n
  x[long] <- paste0(substr(x[long], 1L, n), "...")
  x
}

deparse_line <- function(call) clip(deparse(call, width.cutoff = 200L, nlines = 1L))

cells <- function(column) {
  if (is.factor(column)) return(json_string(as.character(column)))
  if (is.logical(column)) return(ifelse(is.na(column), "null", ifelse(column, "true", "false")))
  if (is.numeric(column) && !is.object(column)) return(json_number(column))
  if (is.character(column)) {
    return(json_string(ifelse(is.na(column), NA, substr(column, 1L, 200L))))
  }
  json_string(vapply(seq_along(column), function(i) clip(format(column[i])), ""))
}

table_json <- function(value) {
  rows <- min(nrow(value), 10L)
  columns <- min(length(value), 50L)
  part <- as.data.frame(value)[seq_len(rows), seq_len(columns), drop = FALSE]
  classes <- vapply(part, function(x) class(x)[1L], "")
  body <- if (rows > 0L && columns > 0L) {
    lines <- do.call(paste, c(unname(lapply(part, cells)), list(sep = ",")))
    paste0("[", lines, "]", collapse = ",")
  }
  json_object(list(
    columns = if (columns > 0L) {
      name <- names(part)
      if (is.null(name)) name <- character(columns)
      paste0("[", paste0("{\"name\":", json_string(clip_each(name)), ",\"class\":",
                         json_string(clip_each(classes)), "}", collapse = ","), "]")
    } else "[]",
    nrow = as.character(nrow(value)),
    ncol = as.character(length(value)),
    rows = paste0("[", body, "]"),
    truncated = if (nrow(value) > rows || length(value) > columns) "true" else "false"))
}

value_json <- function(value) {
  kind <- class(value)
  size <- dim(value)
  summary <- if (is.null(value)) {
    "NULL"
  } else if (is.function(value)) {
    clip(sub(" *NULL$", "", paste(deparse(args(value), nlines = 2L), collapse = " ")), 120L)
  } else if (is.atomic(value) && !is.object(value) && is.null(size) && length(value) == 1L) {
    clip(format(value), 120L)
  } else if (length(size) > 0L) {
    paste0(kind[1L], " [", paste(size, collapse = " x "), "]")
  } else {
    paste0(kind[1L], " [", length(unclass(value)), "]")
  }
  json_object(list(
    class = json_strings(kind),
    dim = if (length(size)) paste0("[", paste(size, collapse = ","), "]"),
    length = if (is.atomic(value) || is.list(value)) as.character(length(value)),
    summary = json_string(summary),
    table = if (is.data.frame(value)) table_json(value)))
}

# Calls on the stack at an error, innermost last, without the machinery that led to the handler.
user_calls <- function(calls) {
  if (length(calls) && identical(calls[[length(calls)]][[1L]], quote(.handleSimpleError))) {
    calls <- calls[-length(calls)]
  }
  if (length(calls) > kMaxList) calls <- calls[(length(calls) - kMaxList + 1L):length(calls)]
  vapply(calls, deparse_line, "")
}

condition_json <- function(message, call, extra = list()) {
  json_object(c(list(message = json_string(clip(message, kMaxMessage)),
                     call = if (is.null(call)) "null" else json_string(deparse_line(call))), extra))
}

on_error <- function(condition) {
  calls <- sys.calls()
  run <- s$run
  if (is.null(run) || Sys.getpid() != s$pid) return()
  # Without an error option a non-interactive R ends itself after the default handler's message.
  if (is.null(getOption("error"))) options(error = quote(invisible(NULL)))
  run$error <- list(message = conditionMessage(condition), call = conditionCall(condition),
                    class = class(condition), calls = calls[-length(calls)])
}

on_warning <- function(condition) {
  run <- s$run
  if (is.null(run) || length(run$warnings) >= kMaxList) return()
  run$warnings <- c(run$warnings,
                    condition_json(clip(conditionMessage(condition), 1000L), conditionCall(condition)))
}

on_interrupt <- function(condition) if (!is.null(s$run)) s$run$interrupted <- TRUE

# Sys.readlink() says "" of what is no link, and NA of what is not there.
is_link <- function(paths) !(Sys.readlink(paths) %in% c("", NA))

files_now <- function() {
  paths <- list.files(kWork, all.files = TRUE, recursive = TRUE, no.. = TRUE)
  if (!length(paths)) return(NULL)
  if (length(paths) > kMaxFiles) paths <- paths[seq_len(kMaxFiles)]
  full <- file.path(kWork, paths)
  info <- file.info(full, extra_cols = FALSE)
  # Links are nobody's result; devices and pipes are refused when they are read.
  plain <- !is.na(info$size) & !is_link(full) & !info$isdir
  structure(paste(info$size, unclass(info$mtime))[plain], names = paths[plain],
            size = info$size[plain])
}

files_json <- function(before, after) {
  same <- before[match(names(after), names(before))]
  changed <- if (length(same)) is.na(same) | after != same else rep(TRUE, length(after))
  # A pipe or a device has no size; it is no result either.
  for (i in which(changed & attr(after, "size") == 0)) {
    changed[i] <- file_test("-f", file.path(kWork, names(after)[i]))
  }
  if (!any(changed)) return(NULL)
  sizes <- attr(after, "size")[changed]
  paste0("[", paste0("{\"path\":", json_string(names(after)[changed]), ",\"size\":",
                     format(sizes, scientific = FALSE, trim = TRUE), "}", collapse = ","), "]")
}

# ---- plots ---------------------------------------------------------------------------------------

# The value of options(device): what opens when code draws and no device is open.
open_device <- function(...) {
  folder <- tempfile("plots-", "/tmp")
  dir.create(folder)
  s$pages <- c(s$pages, folder)
  s$ended[folder] <- 0L
  grDevices::png(file.path(folder, "%05d.png"), width = s$device$width, height = s$device$height,
                 res = s$device$res, type = "cairo")
  grDevices::dev.control("enable")
}

# Our devices that are open: their numbers, named by their folder.
our_devices <- function() {
  if (!length(s$pages)) return(integer())
  open <- get(".Devices", baseenv())
  paths <- vapply(open, function(d) {
    path <- attr(d, "filepath")
    if (is.null(path)) "" else dirname(path)
  }, "")
  ours <- which(paths %in% s$pages)
  structure(ours, names = paths[ours])
}

read_page <- function(path) readBin(path, "raw", file.size(path))

# Sends a page; one that does not fit beside those sent already is drawn again, smaller, from its
# recording, and one that still does not fit becomes a file, as do all beyond the first kMaxPages.
emit_page <- function(id, bytes, recording = NULL) {
  if (!length(bytes)) return()
  run <- s$run
  run$pages <- run$pages + 1L
  sent <- bytes
  for (scale in c(0.7, 0.5, 0.35)) {
    if (run$image_bytes + length(sent) <= kImageBytes || is.null(recording)) break
    sent <- draw_again(recording, scale)
  }
  if (run$pages <= kMaxPages && run$image_bytes + length(sent) <= kImageBytes) {
    run$image_bytes <- run$image_bytes + length(sent)
    if (length(sent) < length(bytes)) run$smaller <- run$smaller + 1L
    frame("plot", id, sent)
  } else {
    writeBin(bytes, file.path(kWork, sprintf("plot-%s-%02d.png", substr(id, 1L, 8L), run$pages)))
    run$as_files <- run$as_files + 1L
  }
}

draw_again <- function(recording, scale) {
  path <- tempfile("page-", "/tmp", ".png")
  on.exit(unlink(path))
  before <- grDevices::dev.cur()
  grDevices::png(path, width = s$device$width * scale, height = s$device$height * scale,
                 res = s$device$res * scale, type = "cairo")
  own <- grDevices::dev.cur()
  tryCatch(grDevices::replayPlot(recording), finally = {
    grDevices::dev.off(own)
    if (before > 1L) grDevices::dev.set(before)
  })
  read_page(path)
}

# A hook before each new page: keeps the recording of the one that ends, in case that it has to be
# drawn again. par("page") says whether the next plot begins a page or the next figure of one.
record_page <- function(...) {
  if (is.null(s$run) || length(s$recordings) >= kMaxPages) return()
  if (!(grDevices::dev.cur() %in% our_devices()) || !isTRUE(graphics::par("page"))) return()
  recording <- grDevices::recordPlot()
  if (length(recording[[1L]])) s$recordings[[length(s$recordings) + 1L]] <- recording
}

# The page under way, without ending it: replayed on a device of its own. Nothing where it has not
# changed since it was last asked for.
current_page <- function(device, folder) {
  path <- tempfile("page-", "/tmp", ".png")
  on.exit(unlink(path))
  before <- grDevices::dev.cur()
  grDevices::dev.set(device)
  drawn <- length(grDevices::recordPlot()[[1L]])
  key <- paste(folder, s$ended[folder], drawn)
  s$page_recording <- NULL
  if (drawn && !identical(key, s$drawn)) {
    s$drawn <- key
    s$page_recording <- grDevices::recordPlot()
    size <- grDevices::dev.size("px")
    grDevices::dev.copy(grDevices::png, filename = path, width = size[1L], height = size[2L],
                        res = s$device$res, type = "cairo")
    grDevices::dev.off()
  }
  grDevices::dev.set(before)
  if (file.exists(path)) read_page(path) else raw()
}

report_plots <- function(id) {
  open <- our_devices()
  for (folder in s$pages) {
    pages <- sort(list.files(folder, full.names = TRUE))
    recorded <- if (length(pages) == length(s$recordings)) s$recordings
    for (i in seq_along(pages)) {
      bytes <- read_page(pages[i])
      # The first one may have been shown already, when it was the page under way.
      if (i > 1L || !identical(bytes, s$last_page)) {
        emit_page(id, bytes, if (length(recorded)) recorded[[i]])
      }
      unlink(pages[i])
    }
    if (length(pages)) s$last_page <- raw()
    s$ended[folder] <- s$ended[folder] + length(pages)
    s$recordings <- list()
    device <- open[folder]
    if (is.na(device)) {
      unlink(folder, recursive = TRUE)
      s$pages <- setdiff(s$pages, folder)
      s$ended <- s$ended[s$pages]
    } else {
      bytes <- current_page(device, folder)
      if (length(bytes)) s$last_page <- bytes
      emit_page(id, bytes, s$page_recording)
      s$page_recording <- NULL
    }
  }
}

set_device <- function(request) {
  wanted <- s$device
  for (key in c("width", "height", "res")) {
    if (!is.null(request[[key]])) wanted[[key]] <- as.integer(request[[key]])
  }
  if (identical(wanted, s$device)) return()
  s$device <- wanted
  # Pages to come get the new size; the page under way is carried over, as code may add to it.
  for (device in our_devices()) {
    grDevices::dev.set(device)
    drawing <- grDevices::recordPlot()
    grDevices::dev.off(device)
    if (length(drawing[[1L]])) {
      open_device()
      grDevices::replayPlot(drawing)
      s$last_page <- current_page(grDevices::dev.cur(), s$pages[length(s$pages)])
    }
  }
  for (folder in s$pages) unlink(list.files(folder, full.names = TRUE))
}

# ---- files in and out ----------------------------------------------------------------------------

base64_decode <- function(text) {
  codes <- utf8ToInt(gsub("[^A-Za-z0-9+/]", "", text))
  if (!length(codes)) return(raw())
  table <- integer(128L)
  table[utf8ToInt("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")] <- 0:63
  bits <- c(table[codes], integer(-length(codes) %% 4L))
  m <- matrix(bits, nrow = 4L)
  out <- rbind(m[1L, ] * 4L + m[2L, ] %/% 16L,
               (m[2L, ] %% 16L) * 16L + m[3L, ] %/% 4L,
               (m[3L, ] %% 4L) * 64L + m[4L, ])
  as.raw(out)[seq_len((length(codes) * 3L) %/% 4L)]
}

# The absolute form of a path below /sandbox; an error for anything that leaves it.
inside <- function(path) {
  parts <- strsplit(path, "/", fixed = TRUE)[[1L]]
  if (!length(parts) || startsWith(path, "/") || any(parts %in% c("", ".", ".."))) {
    stop("not a path below ", kWork, ": ", path)
  }
  full <- file.path(kWork, path)
  real <- normalizePath(dirname(full), mustWork = FALSE)
  if (real != kWork && !startsWith(real, paste0(kWork, "/"))) stop("leaves ", kWork, ": ", path)
  if (is_link(full)) stop("is a link: ", path)
  full
}

put_file <- function(request) {
  full <- inside(request$path)
  dir.create(dirname(full), showWarnings = FALSE, recursive = TRUE)
  full <- inside(request$path)
  if (dir.exists(full)) stop("is a folder: ", request$path)
  bytes <- if (is.null(request$base64)) charToRaw(request$text) else base64_decode(request$base64)
  connection <- file(full, "wb")
  on.exit(close(connection))
  writeBin(bytes, connection)
}

get_file <- function(request) {
  full <- inside(request$path)
  info <- file.info(full, extra_cols = FALSE)
  if (is.na(info$size)) stop("no such file: ", request$path)
  if (info$isdir || !file_test("-f", full)) stop("not a plain file: ", request$path)
  if (info$size > as.numeric(request$limit)) {
    stop("too large: ", request$path, " has ", info$size, " bytes, the limit is ", request$limit)
  }
  readBin(full, "raw", info$size)
}

file_test <- function(op, path) system2("test", c(op, shQuote(path))) == 0L

answer <- function(request, work) {
  failed <- NULL
  bytes <- tryCatch(suppressWarnings(work(request)), error = function(e) failed <<- conditionMessage(e))
  if (is.null(failed)) frame("data", request$id, if (is.null(bytes)) raw() else bytes)
  else frame("failed", request$id, failed)
}

# ---- executions ----------------------------------------------------------------------------------

start_run <- function(request) {
  s$executions <- s$executions + 1L
  run <- new.env(parent = emptyenv())
  run$id <- request$id
  run$code <- request$code
  run$index <- 0L
  run$warnings <- character()
  run$pages <- 0L
  run$image_bytes <- 0L
  run$smaller <- 0L
  run$as_files <- 0L
  run$interrupted <- FALSE
  run$ended <- TRUE
  s$run <- run
  keep_alive(as.integer(request$timeout))
  if (length(request) > 4L) tryCatch(set_device(request), error = function(e) NULL)
  run$files <- files_now()
  run$started <- proc.time()[[3L]]
  mark("begin", run$id)
  # As R reads a script: lines may end as they do on Windows.
  if (grepl("\r", run$code, fixed = TRUE)) run$code <- gsub("\r\n", "\n", run$code, fixed = TRUE)
  parsed <- tryCatch(parse(text = run$code, keep.source = FALSE, encoding = "UTF-8"),
                     error = function(e) e)
  if (inherits(parsed, "error")) {
    parse_failed(run, conditionMessage(parsed))
    parsed <- expression()
  } else {
    s$history[[length(s$history) + 1L]] <- run$code
  }
  run$expressions <- parsed
}

# "<text>:LINE:COLUMN: what" with the lines and a caret, as parse() says it.
parse_failed <- function(run, message) {
  shown <- sub("^<text>:", "", message)
  where <- regmatches(message, regexec("^<text>:([0-9]+):([0-9]+): ", message))[[1L]]
  run$error <- list(message = shown, call = NULL, class = c("parseError", "error", "condition"),
                    calls = list(), line = where[2L], column = where[3L])
  cat("Error: ", shown, "\n", sep = "", file = stderr())
}

# Where the expression that failed begins: found only when asked, since keeping sources costs.
locate <- function(run) {
  parsed <- tryCatch(parse(text = run$code, keep.source = TRUE, encoding = "UTF-8"),
                     error = function(e) NULL)
  refs <- attr(parsed, "srcref")
  if (run$index < 1L || run$index > length(refs)) return(c(NA, NA))
  ref <- refs[[run$index]]
  c(ref[1L], ref[5L])
}

error_json <- function(run) {
  error <- run$error
  where <- if (is.null(error$line)) locate(run) else c(error$line, error$column)
  calls <- user_calls(error$calls)
  condition_json(error$message, error$call, list(
    class = json_strings(error$class),
    traceback = if (length(calls)) json_strings(calls) else "[]",
    line = json_int(where[1L]), column = json_int(where[2L])))
}

finish_run <- function() {
  run <- s$run
  failed <- !is.null(run$error) || !run$ended
  # Whatever the user's code left open or diverted is not to swallow what comes now.
  seconds <- proc.time()[[3L]] - run$started
  if (failed && is.null(run$error) && !run$interrupted) {
    # No handler saw it: the C stack is full (R calls none then), or code jumped to the top level.
    last <- sub("\n$", "", geterrmessage())
    full <- grepl("stack", last, fixed = TRUE)
    run$error <- list(message = if (full) sub("^Error[^:]*: ", "", last) else
                        "the code was ended by a jump to the top level",
                      call = NULL, class = c("simpleError", "error", "condition"), calls = list())
  }
  try_or_null <- function(expr) tryCatch(expr, error = function(e) NULL)
  if (length(s$pages)) {
    suppressWarnings(tryCatch(report_plots(run$id), error = function(e) {
      cat("(a plot could not be rendered: ", conditionMessage(e), ")\n", sep = "", file = stderr())
    }))
  }
  after <- files_now()
  status <- if (run$interrupted && !run$ended) "interrupted" else if (failed) "error" else "ok"
  report <- json_object(list(
    status = json_string(status),
    seconds = json_number(round(seconds, 3L)),
    error = if (status == "error") try_or_null(error_json(run)),
    warnings = if (length(run$warnings)) paste0("[", paste(run$warnings, collapse = ","), "]"),
    value = if (!is.null(run$shown)) {
      if (is.object(run$shown$value)) try_or_null(value_json(run$shown$value))
      else value_json(run$shown$value)
    },
    pages = if (run$pages > 0L) as.character(run$pages),
    plots_smaller = if (run$smaller > 0L) as.character(run$smaller),
    plots_as_files = if (run$as_files > 0L) as.character(run$as_files),
    files = if (length(after)) try_or_null(files_json(run$files, after))))
  s$run <- NULL
  mark("end", run$id)
  s$results[[run$id]] <- report
  if (length(s$results) > kKeptResults) s$results[[1L]] <- NULL
  keep_alive()
  frame("done", run$id, report)
}

hello <- function(request) {
  if (!is.null(request$idle)) s$idle <- as.integer(request$idle)
  keep_alive()
  frame("hello", request$id, json_object(list(
    r_version = json_string(paste(R.version$major, R.version$minor, sep = ".")),
    executions = as.character(s$executions))))
  compile_once()
}

kHot <- c("keep_alive", "frame", "mark", "unescape", "read_request", "json_string", "json_object",
          "json_number", "value_json", "files_now", "start_run", "finish_run", "feed", "done",
          "advance", "next_step", "note_value")

# R would compile each function at its second call, in the middle of the user's first executions.
# Done after the first greeting is answered, so that nobody waits for it.
compile_once <- function() {
  if (s$compiled) return()
  s$compiled <- TRUE
  home <- environment(compile_once)
  for (name in kHot) assign(name, compiler::cmpfun(get(name, home)), home)
  assign(".omcp_next", next_step, kDesk)
  assign(".omcp_done", done, kDesk)
}

environment_json <- function() {
  json_object(list(
    r_version = json_string(R.version.string),
    platform = json_string(R.version$platform),
    locale = json_string(Sys.getlocale("LC_CTYPE")),
    timezone = json_string(Sys.timezone()),
    rng = json_string(paste(RNGkind(), collapse = ", ")),
    seed = json_string(as.character(s$seed)),
    code = json_strings(unlist(s$history)),
    packages = json_strings(loadedNamespaces())))
}

kAnswers <- list(
  put = put_file,
  get = get_file,
  files = function(request) {
    now <- files_now()
    if (length(now)) files_json(character(), now) else "[]"
  },
  session = function(request) environment_json())

serve <- function(request) {
  command <- request$do
  if (identical(command, "run")) {
    start_run(request)
  } else if (identical(command, "hello")) {
    hello(request)
  } else if (identical(command, "result")) {
    report <- s$results[[request$id]]
    frame(if (is.null(report)) "unknown" else "done", request$id, if (is.null(report)) "{}" else report)
  } else if (!is.null(kAnswers[[command]])) {
    answer(request, kAnswers[[command]])
  }
}

# ---- the two functions that the top level calls ----------------------------------------------------

feed <- function(lines) {
  writeBin(charToRaw(lines), s$feed)
  flush(s$feed)
}

done <- function() {
  if (!is.null(s$run)) s$run$ended <- TRUE
  invisible(.Last.value)
}

advance <- function() {
  repeat {
    run <- s$run
    if (is.null(run)) {
      serve(read_request())
    } else if (run$ended && is.null(run$parse_error) && run$index < length(run$expressions)) {
      break
    } else {
      finish_run()
    }
  }
  run$index <- run$index + 1L
  run$ended <- FALSE
  run$error <- NULL
  # A sleeping or late interrupt belongs to nobody: take it here rather than in the user's code.
  tryCatch(allowInterrupts(Sys.sleep(0)), interrupt = function(e) NULL)
  run$interrupted <- FALSE
  .Internal(delayedAssign(".omcp_value", run$expressions[[run$index]], globalenv(), kDesk))
  feed(".omcp_value; .omcp_done()\n.omcp_next()\n")
}

next_step <- function() {
  # A forked child that fell to the top level would read its parent's requests.
  if (Sys.getpid() != s$pid) tools::pskill(Sys.getpid(), tools::SIGKILL)
  if (sys.nframe() > 1L) {
    text <- "the R debugger needs a console: the call that opened it was ended"
    cat("Error: ", text, "\n", sep = "", file = stderr())
    s$run$error <- list(message = text, call = NULL,
                        class = c("simpleError", "error", "condition"), calls = list())
    feed(".omcp_next()\n")
    invokeRestart("abort")
  }
  last <- .Last.value
  suspendInterrupts(advance())
  invisible(last)
}

# Keeps what autoprinting showed last. A callback, because only those are told what was visible.
note_value <- function(expression, value, succeeded, visible) {
  if (visible && !is.null(s$run) && identical(expression, quote(.omcp_value))) {
    s$run$shown <- list(value = value)
  }
  TRUE
}

# ---- start ---------------------------------------------------------------------------------------

quitting <- function(...) {
  if (Sys.getpid() == s$pid && !is.null(s$run)) {
    mark("end", s$run$id)
    frame("quit", s$run$id, "{}")
  }
}

start <- function() {
  empty <- file("/dev/null", "r")
  replace_base <- function(name, value) {
    unlockBinding(name, baseenv())
    assign(name, value, baseenv())
    lockBinding(name, baseenv())
  }
  # R's "console" is the pipe that feeds the top level; code that reads it finds no input.
  replace_base("stdin", function() empty)
  assign(".omcp_next", next_step, kDesk)
  assign(".omcp_done", done, kDesk)
  options(device = open_device, error = quote(invisible(NULL)), menu.graphics = FALSE)
  globalCallingHandlers(error = on_error, warning = on_warning, interrupt = on_interrupt)
  setHook("before.plot.new", record_page)
  setHook("before.grid.newpage", record_page)
  addTaskCallback(note_value, name = ".omcp")
  reg.finalizer(s, quitting, onexit = TRUE)
  # So that the session's script can say how to draw the same random numbers again.
  s$seed <- as.integer((as.numeric(Sys.time()) * 1e4 + s$pid) %% 2147483647)
  set.seed(s$seed)
  s$idle <- as.integer(strsplit(readLines("/proc/self/fd/6", 1L), " ")[[1L]][1L])
  frame("ready", "-", "{}")
}
start()
