# ---- what is told of values and conditions -------------------------------------------------------

kMaxText <- 8000L # bytes of an error's message
kMaxList <- 100L
kMaxWarnings <- 100000L # bytes of all in a report

deparse_line <- function(call) clip(deparse(call, width.cutoff = 200L, nlines = 1L))

first_of <- function(x, n = kMaxList) x[seq_len(min(length(x), n))]

# The first cells of a column, as JSON.
cells <- function(column, rows) {
  if (length(dim(column)) == 2L) {
    return(json_string(vapply(seq_len(rows), function(i) clip(format(column[i, ])), "")))
  }
  column <- column[seq_len(rows)]
  if (is.factor(column)) return(json_string(clip_each(as.character(column))))
  if (is.logical(column)) return(ifelse(is.na(column), "null", ifelse(column, "true", "false")))
  if (is.numeric(column) && !is.object(column)) return(json_number(column))
  if (is.character(column)) return(json_string(clip_each(column)))
  json_string(vapply(seq_len(rows), function(i) clip(format(column[i])), ""))
}

# The beginning of a data frame, read without its methods: those may copy all of it, or fail.
table_json <- function(value) {
  nrow <- .row_names_info(value, 2L)
  value <- unclass(value)
  rows <- min(nrow, 10L)
  columns <- value[seq_len(min(length(value), 50L))]
  name <- names(columns)
  if (is.null(name)) name <- character(length(columns))
  classes <- vapply(columns, function(x) class(x)[1L], "")
  body <- if (rows > 0L && length(columns)) {
    lines <- lapply(unname(columns), function(x) {
      made <- part(cells(x, rows))
      if (length(made) == rows) made else rep("null", rows)
    })
    paste0("[", do.call(paste, c(lines, list(sep = ","))), "]")
  }
  json_object(list(
    columns = json_array(if (length(columns)) {
      paste0("{\"name\":", json_string(clip_each(name)), ",\"class\":",
             json_string(clip_each(unname(classes))), "}")
    }),
    nrow = json_count(nrow),
    ncol = json_count(length(value)),
    rows = json_array(body),
    truncated = if (nrow > rows || length(value) > length(columns)) "true" else "false"))
}

# The dimensions, where they are such: any class may mean what it likes by dim().
size_of <- function(value) {
  size <- if (is.object(value)) part(dim(value)) else dim(value)
  if (is.numeric(size) && length(size) && all(is.finite(size)) && all(size >= 0)) size
}

summary_of <- function(value, size) {
  kind <- class(value)[1L]
  if (is.null(value)) {
    "NULL"
  } else if (is.function(value)) {
    clip(sub(" *NULL$", "", paste(deparse(args(value), nlines = 2L), collapse = " ")), 120L)
  } else if (is.atomic(value) && !is.object(value) && is.null(size) && length(value) == 1L) {
    clip(format(value), 120L)
  } else if (!is.null(size)) {
    clip(sprintf("%s [%s]", kind, paste(json_count(size), collapse = " x ")))
  } else {
    clip(sprintf("%s [%.0f]", kind, length(unclass(value))))
  }
}

# What autoprinting showed, as fields of an object.
value_fields <- function(value) {
  size <- first_of(size_of(value))
  if (!is.object(value) && is.null(size) && is.atomic(value)) return(list(
    class = sprintf("[\"%s\"]", class(value)), length = json_count(length(value)),
    summary = part(json_string(summary_of(value, size)))))
  list(
    class = part(json_strings(clip_each(first_of(class(value))))),
    dim = if (length(size)) json_array(json_count(size)),
    length = if (is.atomic(value) || is.list(value)) part(json_count(length(value))),
    summary = part(json_string(summary_of(value, size))),
    table = if (is.data.frame(value)) part(table_json(value)))
}

# Of base's functions, those that only lead to a handler.
kMachinery <- c("tryCatch", "tryCatchList", "tryCatchOne", "doTryCatch", "try", "withCallingHandlers",
                ".handleSimpleError", "signalCondition", "withRestarts", "withOneRestart", "doWithOneRestart")

# Calls on the stack at an error, innermost last, without the machinery of conditions: of that tidyverse
# has a dozen frames. To be called while they are there.
user_calls <- function(calls) {
  first <- length(calls) - 2L * kMaxList # of those looked at: recursion has thousands
  shown <- seq_along(calls) > first
  shown[shown] <- vapply(which(shown), function(i) {
    from <- part(environmentName(topenv(environment(sys.function(i)))))
    name <- calls[[i]][[1L]]
    !(identical(from, "rlang") || identical(from, "cli") || identical(name, quote(handlers[[1L]])) ||
        (is.name(name) && as.character(name) %in% kMachinery))
  }, NA)
  vapply(calls[utils::tail(which(shown), kMaxList)], deparse_line, "")
}

condition_fields <- function(message, call, limit = kMaxText) {
  list(message = json_string(clip(message, limit)),
       call = if (is.null(call)) "null" else part(json_string(deparse_line(call))))
}

simple_error <- function(message, ...) {
  list(message = message, call = NULL, class = c("simpleError", "error", "condition"),
       calls = character(), ...)
}

# Options that would end R at an error, or show the lines that feed the top level.
settle_options <- function() {
  # Without an error option a non-interactive R ends itself after the default handler's message.
  if (is.null(.Internal(getOption("error")))) options(error = quote(invisible(NULL)))
  if (!isFALSE(.Internal(getOption("echo")))) options(echo = FALSE)
}

# All else stays, and so does its place in messages. No deeper than it was: code may have set a low limit.
before_body <- function(f, what) {
  parts <- function(e) if (is.call(e) && identical(e[[1L]], quote(`{`))) as.list(e)[-1L] else list(e)
  body(f) <- as.call(c(quote(`{`), parts(what), parts(body(f))))
  f
}

# Begins handlers and hooks: they run within the code, which may have marked what they call with debug()
# or trace().
kUnmark <- quote({
  debugged <- .Internal(debugOnOff(NULL))
  traced <- .Internal(traceOnOff(NULL))
  on.exit({
    .Internal(traceOnOff(traced))
    .Internal(debugOnOff(debugged))
  })
  .Internal(debugOnOff(FALSE))
  .Internal(traceOnOff(FALSE))
})

on_error <- before_body(function(condition) {
  calls <- sys.calls()
  run <- s$run
  if (is.null(run) || Sys.getpid() != s$pid) return()
  settle_options()
  run$error <- list(message = tryCatch(conditionMessage(condition),
                                       error = function(e) "(this error has no message)"),
                    call = part(conditionCall(condition)),
                    class = class(condition), of_ggplot = part(within_ggplot()),
                    calls = part(user_calls(calls[-length(calls)])))
}, kUnmark)

on_warning <- before_body(function(condition) {
  run <- s$run
  if (is.null(run) || run$warned >= kMaxList || Sys.getpid() != s$pid) return()
  # One that the code has switched off, or made an error, is none.
  if (!isTRUE(getOption("warn") %in% 0:1)) return()
  suspendInterrupts(part({
    message <- conditionMessage(condition)
    text <- json_object(condition_fields(message, conditionCall(condition), 1000L))
    run$said <- c(run$said, message)
    run$warned <- run$warned + 1L
    run$warned_bytes <- run$warned_bytes + nchar(text, "bytes")
    if (run$warned_bytes <= kMaxWarnings) run$warnings <- c(run$warnings, text)
    check_channels()
    send("W", run$id, text)
  }))
}, kUnmark)

on_interrupt <- before_body(function(condition) {
  if (!is.null(s$run) && Sys.getpid() == s$pid) {
    s$run[[if (s$run$ended) "late" else "interrupted"]] <- TRUE
    settle_options()
  }
}, kUnmark)

watching <- function() {
  handlers <- globalCallingHandlers()
  identical(handlers[["error"]], on_error) || any(vapply(handlers, identical, NA, on_error))
}

# User code can remove all handlers, and ours are among them. Only from the top level can they be set.
watch <- function() {
  if (!watching()) {
    globalCallingHandlers(error = on_error, warning = on_warning, interrupt = on_interrupt)
  }
  if (!match(".omcp", callback_names(), 0L)) add_callback(note_value, ".omcp")
}

# An error that no handler of ours saw: the C stack is full (R calls none then), the handlers had been
# removed, or code jumped to the top level. `before` is R's last message when the expression began.
unseen_error <- function(before) {
  last <- geterrmessage()
  if (identical(last, before) && watching() && !grepl("stack", last, fixed = TRUE)) {
    return(simple_error("the code was ended by a jump to the top level"))
  }
  text <- sub("\n+$", "", last)
  simple_error(sub("^Error( in .*?)? ?:\\s+", "", text, perl = TRUE, useBytes = TRUE))
}

# "<text>:LINE:COLUMN: what" with the lines and a caret, as parse() says it.
parse_failed <- function(run, message) {
  shown <- sub("^<text>:", "", message)
  where <- regmatches(message, regexec("^<text>:([0-9]+):([0-9]+): ", message))[[1L]]
  run$error <- list(message = shown, call = NULL, class = c("parseError", "error", "condition"),
                    calls = character(), line = where[2L], column = where[3L])
  cat("Error: ", shown, "\n", sep = "", file = stderr())
}

# Where the expression that failed begins: found only when asked, since keeping sources costs.
locate <- function(run) {
  parsed <- part(parse(text = run$code, keep.source = TRUE, encoding = "UTF-8"))
  refs <- attr(parsed, "srcref")
  if (run$index < 1L || run$index > length(refs)) return(c(NA, NA))
  ref <- refs[[run$index]]
  c(ref[1L], ref[5L])
}

error_fields <- function(run) {
  error <- run$error
  where <- if (is.null(error$line)) part(locate(run)) else c(error$line, error$column)
  whole <- function(x) if (length(x) == 1L && !is.na(x)) sprintf("%s", x)
  c(condition_fields(error$message, error$call),
    list(class = part(json_strings(clip_each(first_of(error$class)))),
         traceback = part(json_strings(error$calls)),
         line = whole(where[1L]), column = whole(where[2L])))
}

# ---- processes that were left behind -------------------------------------------------------------

s$left <- TRUE # whether the last look found some
kNeverTold <- charToRaw("0\n")
kSpace <- charToRaw(" ")

# The number of the last process that was started, as bytes; it counts in the sandbox alone.
last_process <- function() {
  from <- open_to_read("/proc/loadavg")
  line <- read_raw(from, 100L)
  close_it(from)
  behind(line, max(0L, seq_along(line)[line == kSpace]))
}

command_line <- function(pid) {
  bytes <- read_start(file.path("/proc", pid, "cmdline"))
  bytes[bytes == as.raw(0L)] <- as.raw(32L)
  if (length(bytes)) sub(" +$", "", rawToChar(bytes), useBytes = TRUE) else ""
}

# Whether a process belongs to the supervisor: a copy of it, or one that it has marked.
is_guard <- function(pid, command, first) {
  if (command == first) return(TRUE)
  bytes <- read_start(file.path("/proc", pid, "environ"), 131072L)
  bytes[bytes == as.raw(0L)] <- kNewline
  length(bytes) > 0L &&
    grepl("(^|\n)OMCP_GUARD=", rawToChar(bytes), useBytes = TRUE)
}

# Looks only if a process was started since the last look, or that look found some. Zombies have no
# command line.
left_running <- function() {
  last <- last_process()
  if (!s$left && !identical(last, kNeverTold) && identical(last, s$last_process)) {
    return(NULL)
  }
  s$last_process <- last
  pids <- setdiff(list.files("/proc", "^[0-9]+$"), c("1", sprintf("%d", s$pid)))
  commands <- vapply(pids, command_line, "")
  first <- command_line("1")
  keep <- vapply(seq_along(pids), function(i) {
    nzchar(commands[i]) && !is_guard(pids[i], commands[i], first)
  }, NA)
  s$left <- any(keep)
  if (!s$left) return(NULL)
  pids <- pids[keep]
  order <- order(as.integer(pids))
  list(count = length(pids), pids = first_of(pids[order], 20L),
       commands = clip_each(unname(commands[keep][order][seq_len(min(20L, length(pids)))])))
}
