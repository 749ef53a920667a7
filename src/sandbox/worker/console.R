# ---- what would need a console, a window or a browser ----------------------------------------------
# In R's own way where it has one (options for pager, editor, browser), in place of R's functions where
# it has none. Nobody sits here: each of these says at once what it shows, or what to do instead.

kHeadRows <- 20L
kHeadColumns <- 50L
kFrameNames <- 30L  # variables of a frame that the debugger would have shown
kFrameSeconds <- 2  # for looking at these
kAhead <- 1000L     # lines that are offered to a connection of which it is not known that it is read
kInFiles <- paste("write it to a file in /sandbox (HTML, PNG, CSV), from where it can be fetched:",
                  "there is no browser and no network here.")

# Files as the pager would show them. Titles come underlined by backspaces, for a terminal alone.
page_text <- function(files, header, title, delete.file) {
  for (i in seq_along(files)) {
    if (nzchar(header[i])) cat(header[i], "\n\n", sep = "")
    lines <- tryCatch(suppressWarnings(readLines(files[i], warn = FALSE)),
                      error = function(e) sprintf("Cannot open file '%s'", files[i]))
    struck <- grepl("\b", lines, fixed = TRUE, useBytes = TRUE) & validUTF8(lines)
    lines[struck] <- gsub(".\b", "", lines[struck])
    writeLines(c(lines, ""))
  }
  if (isTRUE(delete.file)) unlink(files)
  invisible()
}

print_vignette <- function(x, ...) {
  kinds <- c("PDF or HTML" = "PDF", "source" = "File", "R code" = "R")
  paths <- vapply(kinds, function(kind) {
    name <- x[[kind]]
    if (length(name) && nzchar(name[1L])) file.path(x$Dir, "doc", name[1L]) else ""
  }, "")
  there <- nzchar(paths) & file.exists(paths)
  cat("Vignette ", sQuote(x$Topic), ": nothing can display it here; readLines() reads\n",
      sprintf("  %s: %s\n", names(kinds)[there], paths[there]), sep = "")
  invisible(x)
}

# The beginning of what an editor or a viewer would show.
show_head <- function(x, what) {
  table <- length(dim(x)) == 2L
  size <- if (table) nrow(x) else length(x)
  if (is.list(x) && !table) {
    utils::str(x, max.level = 2L, list.len = kHeadRows)
  } else {
    if (table && ncol(x) > kHeadColumns) x <- x[, seq_len(kHeadColumns), drop = FALSE]
    print(utils::head(x, kHeadRows))
  }
  shown <- if (is.function(x) || (is.list(x) && !table) || size <= kHeadRows) "this is its text" else
    sprintf("these are the first %d of %.0f %s", kHeadRows, size, if (table) "rows" else "values")
  cat("(", what, " here: ", shown, ".)\n", sep = "")
}

view <- function(x, title) {
  show_head(x, "View() has no window")
  invisible()
}

edit_nothing <- function(name = NULL, file = "", title = NULL) {
  if (is.null(name)) {
    for (path in file[file.exists(file)]) writeLines(utils::head(readLines(path, warn = FALSE), kHeadRows))
    cat("(There is no editor here: the file stays as it is.)\n")
  } else {
    show_head(name, "Nothing was changed, there is no editor")
  }
  invisible(name)
}

enter_nothing <- function(data, modes) {
  show_head(data, "Nothing was changed, there is no data editor")
  data
}

# No error: most often it stands last in a script that has made the file already.
browse_nothing <- function(url) {
  path <- sub("^file:(//)?", "", url)
  if (grepl("[.]x?html?$", path, ignore.case = TRUE) && file.exists(path)) return(view_page(path))
  message("Not opened: ", url, "\nTo have something seen, ", kInFiles)
}

choose_nothing <- function(new = FALSE) {
  stop("there is nobody to choose a file: write its path in the code. Files of this sandbox are in ",
       "/sandbox, which is writable; those that the user shares are in /data, which is read-only")
}

serve_nothing <- function(...) {
  stop("a server for browsers would wait for ever. To have something seen, ", kInFiles, call. = FALSE)
}

no_studio <- function(...) {
  stop("RStudio is not running, and nobody sits before it. To have something seen, ", kInFiles,
       call. = FALSE)
}

# It asks for a number below R, even in an R that nobody talks to.
debug_nothing <- function(dump = last.dump) {
  stop("the R debugger needs a console: names(last.dump) are the calls that were kept, and ",
       "ls.str(last.dump[[1]]) shows the variables of the first")
}

# What waits for a browser, in packages that may be loaded later.
kServers <- list(shiny = "runApp", httpuv = "runServer", rstudioapi = "verifyAvailable")

replace_in <- function(package, name, value) {
  places <- list(asNamespace(package))
  attached <- paste0("package:", package)
  if (attached %in% search()) places <- c(places, as.environment(attached))
  for (place in places) {
    if (!exists(name, place, inherits = FALSE)) next
    if (bindingIsLocked(name, place)) unlockBinding(name, place)
    assign(name, value, place)
    lockBinding(name, place)
  }
}

# Callbacks of the code's are told of its own expressions and see none of ours, as R's top level has it.
callback_names <- getTaskCallbackNames
remove_callback <- removeTaskCallback
add_callback <- function(f, name) .Call(.C_R_addTaskCallback, f, NULL, FALSE, name)

# Whether what a callback is told of is an expression of the code's.
is_of_code <- function(expr) is.name(expr) && expr == s$promise && !is.null(s$run)

others_callbacks <- function() which(callback_names() != ".omcp")

tell_callback <- function(f, data = NULL, name = character()) {
  if (!is.function(f)) stop("handler must be a function")
  given <- !missing(data)
  if (given) force(data)
  cb <- f
  if (missing(name)) name <- as.character(length(others_callbacks()) + 1L)
  tell <- function(expr, value, succeeded, visible, ...) {
    if (!is_of_code(expr)) return(TRUE)
    run <- s$run
    expr <- run$expressions[[run$index]]
    # R goes on after an interrupt of a callback. What was to be ended is the code.
    withCallingHandlers(if (given) cb(expr, value, succeeded, visible, data)
                        else cb(expr, value, succeeded, visible), interrupt = function(e) run$late <- TRUE)
  }
  added <- add_callback(tell, as.character(name)) + 1L
  structure(match(added, others_callbacks()), names = names(added))
}

forget_callback <- function(id) {
  if (is.numeric(id)) id <- others_callbacks()[id]
  !anyNA(id) && remove_callback(id)
}

replace_console <- function() {
  replace_in("base", "addTaskCallback", tell_callback)
  replace_in("base", "removeTaskCallback", forget_callback)
  replace_in("base", "getTaskCallbackNames", function() callback_names()[others_callbacks()])
  options(pager = page_text, editor = edit_nothing, browser = browse_nothing, pdfviewer = "false")
  replace_in("utils", "View", view)
  replace_in("utils", "dataentry", enter_nothing)
  replace_in("utils", "debugger", debug_nothing)
  assign("print.vignette", print_vignette, kTable)
  for (package in names(kServers)) local({
    name <- kServers[[package]]
    value <- if (package == "rstudioapi") no_studio else serve_nothing
    setHook(packageEvent(package, "onLoad"), function(package, ...) part(replace_in(package, name, value)))
  })
}

# ---- the debugger ----------------------------------------------------------------------------------

# Whether R's debugger reads. At the top level the stack does not show it, but then the expression under
# way has neither failed nor come to its end, of which R tells our callback; only then R is asked.
in_browser <- function() {
  if (sys.nframe() > 2L) return(TRUE)
  run <- s$run
  if (is.null(run) || run$passed || run$interrupted || !is.null(run$error)) return(FALSE)
  before <- geterrmessage()
  on.exit(.Internal(seterrmessage(before)))
  tryCatch({
    .Internal(browserText(1L))
    TRUE
  }, error = function(e) FALSE)
}

# The variables of a frame, a line each. Arguments are forced, as by looking at them in the debugger, but
# not for long.
frame_lines <- function(frame) {
  names <- ls(frame)
  lines <- vapply(first_of(names, kFrameNames), function(name) {
    text <- if (bindingIsActive(name, frame)) "an active binding" else suppressWarnings(part({
      value <- get(name, frame)
      summary_of(value, if (is.object(value)) part(size_of(value)) else size_of(value))
    }))
    sprintf("  %s: %s", clip(name, 60L), clip(if (is.null(text)) "(no value)" else text, 120L))
  }, "")
  c(lines, if (length(names) > kFrameNames) sprintf("  and %d more", length(names) - kFrameNames))
}

is_of_ours <- function(level) identical(environment(sys.function(level)), environment(is_of_ours))

# Takes debug() back from the function of a frame: every later call would end here as well. What
# sys.function() gives is a copy, so the function is looked up as the call did.
undo_debug <- function(call, caller, called) {
  name <- call[[1L]]
  found <- part(if (is.name(name)) get(as.character(name), caller, mode = "function")
                else if (is.call(name)) eval(name, caller) else name)
  if (is.function(found) && isdebugged(found)) {
    undebug(found)
    return(sprintf("\ndebug() was taken back, as by undebug(%s).",
                   if (is.function(name)) "it" else deparse_line(name)))
  }
  if ("browser" %in% all.names(body(called))) return("")
  "\nIf debug() has marked that function, undebug() lets the next call of it run."
}

# R's debugger reads its commands where it finds our next step: it is ended from there, as one error. Where
# the code has called what calls ours, as a page that begins does, it is none of the code's and goes on.
end_debugger <- function(frame, level) {
  if (any(vapply(seq_len(level), is_of_ours, NA))) return(feed(paste0("c\n", kNext)))
  text <- "the R debugger needs a console: the call that opened it was ended"
  if (level > 0L) text <- paste0(text, "\nIt was: ", deparse_line(sys.call(level)))
  if (!identical(frame, globalenv())) {
    lines <- briefly(kFrameSeconds, frame_lines(frame))
    if (length(lines)) text <- paste0(text, "\nVariables there:\n", paste(lines, collapse = "\n"))
  }
  if (level > 0L) {
    caller <- sys.frame(sys.parents()[level])
    text <- paste0(text, part(undo_debug(sys.call(level), caller, sys.function(level))))
  }
  cat("Error: ", text, "\n", sep = "", file = stderr())
  if (!is.null(s$run)) s$run$error <- simple_error(text)
  check_channels("script")
  feed(kNext)
  invokeRestart("abort")
}

# ---- the code, and what it reads from its own lines --------------------------------------------------
# R reads a script and its console from one file, line by line: scan() and readLines(stdin()) get the
# lines below the expression that asks. Our stdin() has them pushed back on an empty connection; those
# that were taken become blank lines of the code, which is then parsed anew.

parse_code <- function(run, n = NULL, ...) {
  parse(text = run$code, n = n, encoding = "UTF-8", ...)
}

keeps_source <- function() {
  kept <- .Internal(getOption("keep.source"))
  length(kept) == 1L && !is.na(kept) && kept # not by what the code may have marked with debugonce()
}

# What there is to run. Code that does not parse runs nothing, but for what reads the lines below: then
# those are most likely what does not parse.
plan_run <- function(run) {
  run$broken <- run$ends <- NULL
  run$kept <- keeps_source()
  # Most often nothing is wrong, and then nothing is asked about it.
  parsed <- if (!run$kept) part(parse_text(run$code), kAtWarning)
  run$expressions <- if (is.null(parsed)) plan_doubtful(run) else parsed
}

plan_doubtful <- function(run) {
  warned <- FALSE
  parsed <- withCallingHandlers(
    tryCatch(if (run$kept) parse_code(run, keep.source = TRUE) else parse_text(run$code), error = function(e) {
      run$broken <- conditionMessage(e)
      expression()
    }),
    warning = function(w) {
      warned <<- TRUE
      invokeRestart("muffleWarning")
    })
  if (!is.null(run$broken) && grepl("scan|stdin|readLines", run$code, useBytes = TRUE)) {
    parsed <- suppressWarnings(part(sound_part(run)))
  }
  told <- if (warned && length(parsed)) part(warn_later(run, parsed))
  if (is.null(told)) parsed else told
}

# The expressions before the one that does not parse, if any of them, or what they define, reads lines.
sound_part <- function(run) {
  try_first <- function(n) part(parse_code(run, n, keep.source = FALSE))
  good <- 0L
  parsed <- expression()
  step <- 1L
  while (step >= 1L) {
    more <- try_first(good + step)
    if (length(more) == good + step) {
      good <- good + step
      parsed <- more
      step <- step * 2L
    } else {
      # The first that fails is somewhere above: ever smaller steps from here.
      while ((step <- step %/% 2L) >= 1L) {
        more <- try_first(good + step)
        if (length(more) == good + step) {
          good <- good + step
          parsed <- more
        }
      }
    }
  }
  if (any(vapply(parsed, reads_lines, NA))) parsed else expression()
}

# Whether a call in an expression reads the console.
reads_lines <- function(e) {
  if (missing(e) || !(is.call(e) || is.pairlist(e))) return(FALSE)
  if (is.call(e)) {
    called <- e[[1L]]
    name <- if (is.name(called)) as.character(called) else
      if (is.call(called) && length(called) == 3L) as.character(called[[3L]]) else ""
    if (name == "stdin") return(TRUE)
    if (name == "scan" || name == "readLines") {
      given <- part(as.list(match.call(get(name, baseenv()), e)))
      from <- if (name == "scan") given$file else given$con
      if (is.null(given$text) && (is.null(from) || identical(from, ""))) return(TRUE)
    }
  }
  for (one in as.list(e)) if (reads_lines(one)) return(TRUE)
  FALSE
}

# What the parser has to say is a warning of the expression in which it stands, without a call. The
# parser's warnings are all about numbers with an L.
warn_later <- function(run, parsed) {
  refs <- attr(suppressWarnings(parse_code(run, length(parsed), keep.source = TRUE)), "srcref")
  for (i in which(seq_along(parsed) > run$index)) {
    text <- paste(as.character(refs[[i]], useSource = TRUE), collapse = "\n")
    if (!grepl("[0-9.]L", text, useBytes = TRUE)) next
    warned <- list()
    withCallingHandlers(parse(text = text, keep.source = FALSE), warning = function(w) {
      warned[[length(warned) + 1L]] <<- call("warning", simpleWarning(conditionMessage(w)))
      invokeRestart("muffleWarning")
    })
    if (length(warned)) parsed[[i]] <- as.call(c(quote(`{`), warned, parsed[[i]]))
  }
  parsed
}

# scan() and read.table() end at a blank line of a console, which no connection tells them.
stops_at_blank <- function() {
  for (i in seq_len(sys.nframe())) {
    one <- sys.function(i)
    if (identical(one, scan) || identical(one, utils::read.table)) return(TRUE)
  }
  FALSE
}

offer_lines <- function(run, kind) {
  if (is.null(run$lines)) run$lines <- strsplit(run$code, "\n", fixed = TRUE)[[1L]]
  if (is.null(run$ends)) {
    refs <- attr(suppressWarnings(parse_code(run, length(run$expressions), keep.source = TRUE)), "srcref")
    run$ends <- vapply(refs, `[`, 0L, 8L)
  }
  check_channels("empty")
  if (run$index > length(run$ends)) return()
  # Lines above may have been read already, by this expression or by one on its line.
  at <- max(run$ends[run$index], run$read)
  lines <- run$lines[-seq_len(at)]
  if (kind == "ahead") lines <- first_of(lines, kAhead)
  if (kind == "block") {
    blank <- which(!grepl("[^ \t]", lines, useBytes = TRUE))
    if (length(blank)) lines <- lines[seq_len(blank[1L] - 1L)]
  }
  pushBack(lines, s$empty, encoding = "bytes")
  run$offer <- list(kind = kind, at = at, lines = lines, id = attr(s$empty, "conn_id"))
}

# Takes back what was offered and not read. The rest of a line that was begun is gone, as is the blank
# line at which reading stopped.
settle_lines <- function(run) {
  offer <- run$offer
  run$offer <- NULL
  check_channels("empty")
  if (!identical(attr(s$empty, "conn_id"), offer$id)) return()
  left <- readLines(s$empty, pushBackLength(s$empty), warn = FALSE)
  clearPushBack(s$empty)
  taken <- length(offer$lines) - length(left)
  if (taken < 0L) return()
  begun <- length(left) && !identical(charToRaw(left[1L]), charToRaw(offer$lines[taken + 1L]))
  ended <- offer$kind == "block" && !length(left) && offer$at + taken < length(run$lines)
  taken <- taken + (begun || ended)
  if (!taken) return()
  run$read <- offer$at + taken
  run$lines[offer$at + seq_len(taken)] <- ""
  run$code <- paste(run$lines, collapse = "\n")
  plan_run(run)
  note_read(run, offer$at + seq_len(taken))
}

# In the place of stdin(), which parse() calls even for what it does not read.
console <- function() {
  check_channels("empty")
  run <- s$run
  unread <- identical(sys.function(sys.parent()), parse) && !is.null(parent.frame()$text)
  if (!unread && !is.null(run) && run$index > 0L) {
    run$reads <- TRUE
    kind <- if (stops_at_blank()) "block" else "all"
    if (kind == "block" || is.null(run$offer) || run$offer$kind != kind) {
      if (!is.null(run$offer)) part(settle_lines(run))
      part(offer_lines(run, kind))
    }
  }
  s$empty
}
