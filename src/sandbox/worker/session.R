# ---- executions ----------------------------------------------------------------------------------

kKeptResults <- 8L
kKeptCode <- 1000000   # bytes of code that the session's script may have
kMaxReport <- 240000L
kReportSeconds <- 120L # as the server has it
s$history <- NULL      # the code of this session, newest first: list(code, the rest, whether it failed)
s$history_bytes <- 0
s$history_dropped <- 0L

# A run is this function's frame: nothing that holds so much is made in fewer steps. What it lacks as yet is
# NULL: warnings, notes, pages, folders, and the numbers of the pages that the expression under way has `touched`.
new_run <- function(id) {
  index <- 0L
  warned <- 0L
  warned_bytes <- 0L
  early <- 0L
  next_early <- 2      # seconds after the start
  drawn_in <- 0        # seconds that drawing a page again took
  as_files <- 0L
  viewed <- 0L
  interrupted <- FALSE
  late <- FALSE        # whether an interrupt came behind the end of an expression, as in a callback
  ended <- TRUE
  passed <- TRUE
  reads <- FALSE       # whether it has asked for its own lines
  environment()
}

start_run <- function(request) {
  # What was meant for the session before this one would run without its variables.
  session <- request$fields$session
  if (!is.null(session) && session != s$pid) return(send("U", request$id, "{}"))
  s$executions <- s$executions + 1L
  run <- new_run(request$id)
  s$run <- run
  s$life_id <- run$id
  now <- .Internal(Sys.time())
  s$life_started <- sprintf("%.0f.%06.0f", floor(now), floor(now %% 1 * 1e6)) # with a point everywhere
  keep_alive(as.integer(request$fields$timeout))
  watch()
  if (length(request$fields) > 1L + length(session)) part(suppressWarnings(set_device(request$fields)))
  code <- text_of(request$body)
  # As R reads a script: lines may end as they do on Windows.
  if (any(request$body == kReturn)) {
    code <- gsub("\r\n", "\n", code, fixed = TRUE, useBytes = TRUE)
  }
  Encoding(code) <- "UTF-8"
  run$code <- code
  run$started <- proc.time()[[3L]]
  undo_sinks(run)
  mark("B", run$id)
  plan_run(run)
  run$given <- code
  run$sound <- is.null(run$broken)
  if (is.null(run$broken) || length(run$expressions)) remember(code)
}

# Keeps code for the session's script. A chain, since a list is copied whenever it grows.
remember <- function(code) {
  s$history <- list(code, s$history, FALSE)
  s$history_bytes <- s$history_bytes + nchar(code, "bytes")
  if (s$history_bytes <= kKeptCode) return()
  past <- history()
  # Somewhat more than must go goes, so that this is not done at each call.
  bytes <- nchar(past$code, "bytes")
  keep <- rev(cumsum(rev(bytes)) <= kKeptCode * 0.8)
  s$history_dropped <- s$history_dropped + sum(!keep)
  s$history <- NULL
  for (i in which(keep)) s$history <- list(past$code[i], s$history, past$failed[i])
  s$history_bytes <- sum(bytes[keep])
}

# The code of this session, oldest first, and which pieces of it failed.
history <- function() {
  code <- failed <- list()
  link <- s$history
  while (!is.null(link)) {
    code[[length(code) + 1L]] <- link[[1L]]
    failed[[length(failed) + 1L]] <- link[[3L]]
    link <- link[[2L]]
  }
  list(code = rev(as.character(unlist(code))), failed = rev(as.logical(unlist(failed))))
}

# The code up to where the expression that failed begins, and the rest. What does not parse as a whole
# would keep the session's script from being read: of that, all is the rest.
split_failed <- function(run, code) {
  refs <- if (run$sound) attr(part(parse_code(run, run$index, keep.source = TRUE)), "srcref")
  if (run$index < 1L || run$index > length(refs)) return(c("", code))
  ref <- as.integer(refs[[run$index]])
  lines <- strsplit(code, "\n", fixed = TRUE)[[1L]]
  line <- charToRaw(lines[ref[7L]])
  ran <- seq_along(line) < ref[2L]
  whole <- seq_len(ref[7L] - 1L)
  halves <- c(paste(c(lines[whole], rawToChar(line[ran])), collapse = "\n"),
              paste(c(rawToChar(line[!ran]), lines[-c(whole, ref[7L])]), collapse = "\n"))
  Encoding(halves) <- "UTF-8"
  halves
}

# The piece of code that was remembered last has failed. What it did before that, the session has.
note_failed <- function(run) {
  link <- s$history
  if (!identical(link[[1L]], run$given)) return()
  halves <- part(split_failed(run, run$given))
  if (is.null(halves)) halves <- c("", run$given)
  rest <- link[[2L]]
  if (grepl("[^ \t\n]", halves[1L], useBytes = TRUE)) {
    rest <- list(sub("[ \t\n]+$", "", halves[1L]), rest, FALSE)
  }
  s$history <- list(halves[2L], rest, TRUE)
}

# Lines that the code has read are no code: in the session's script they are comments.
note_read <- function(run, read) {
  lines <- strsplit(run$given, "\n", fixed = TRUE)[[1L]]
  lines[read] <- paste("#", lines[read])
  given <- paste(lines, collapse = "\n")
  Encoding(given) <- "UTF-8"
  if (identical(s$history[[1L]], run$given)) s$history[[1L]] <- given
  run$given <- given
  run$sound <- is.null(run$broken)
}

# What was diverted and not given back would hide the next call's output.
undo_sinks <- function(run) {
  output <- .Internal(sink.number(TRUE))
  messages <- .Internal(sink.number(FALSE))
  for (i in seq_len(output)) part(sink())
  if (messages != 2L) {
    part(sink(type = "message"))
    # What went wrong must be seen here as well. Not all that ends code is R's last message.
    if (!is.null(run$error)) {
      last <- geterrmessage()
      ours <- identical(last, run$before) || "parseError" %in% run$error$class
      cat(if (ours) paste0("Error: ", run$error$message, "\n") else last, file = stderr())
    }
  }
  if (output > 0L || messages != 2L) {
    run$notes <- c(run$notes, paste("sink() still diverted the output when the code had ended; this",
                                    "has been undone, so that the next call's output is seen."))
  }
}

# The fields of a report but for the first. All that is looked at is hostile: a part that cannot be made
# is missing, and costs nothing else. `plots` sends the pages; `files` lists what was made or changed.
describe_run <- function(run, plots, files) {
  if (!is.null(plots)) tryCatch(allowInterrupts(plots(run)), error = function(e) {
    run$notes <- c(run$notes, clip(paste("A plot could not be rendered:", conditionMessage(e)), 500L))
  }, interrupt = function(e) run$notes <- c(run$notes, "The rendering of plots was interrupted: some are missing."))
  found <- part(list(files(run), left_running()))
  if (is.null(found)) found <- list(part(files(run)), part(left_running()))
  made <- found[[1L]]
  left <- found[[2L]]
  list(
    warnings = if (length(run$warnings)) json_array(run$warnings),
    value = if (!is.null(run$shown)) {
      if (is.object(run$shown$value)) part(value_fields(run$shown$value)) else value_fields(run$shown$value)
    },
    pages = if (length(run$pages)) json_count(length(run$pages)),
    plots_as_files = if (run$as_files > 0L) json_count(run$as_files),
    files = made$json,
    files_left_out = if (length(made)) positive(made$left_out),
    left_running = if (length(left)) part(json_array(sprintf(
      "{\"pid\":%s,\"command\":%s}", left$pids, json_string(left$commands)))),
    left_running_count = if (length(left)) json_count(left$count))
}

positive <- function(count) if (count > 0) json_count(count)

kDroppable <- list(c("value", "table"), "warnings", "files", "left_running",
                   c("error", "traceback"), "value")

# A report as JSON that is not too large: what is dropped is said.
report_json <- function(run, fields) {
  if (!length(run$notes)) {
    json <- json_object(fields)
    if (nchar(json, "bytes") <= kMaxReport) return(json)
  }
  dropped <- character()
  for (drop in c(list(NULL), kDroppable)) {
    last <- drop[length(drop)]
    if (length(drop) == 1L) fields[[drop]] <- NULL
    if (length(drop) == 2L && !is.null(fields[[drop[1L]]])) fields[[drop]] <- NULL
    dropped <- c(dropped, last)
    notes <- c(run$notes, if (length(dropped)) {
      sprintf("The report was too large and is incomplete; left out: %s.", paste(dropped, collapse = ", "))
    })
    json <- json_object(c(fields, list(notes = if (length(notes)) json_strings(notes))))
    if (nchar(json, "bytes") <= kMaxReport) break
  }
  json
}

# The report that ends a run, made, kept and sent.
conclude <- function(run, status, plots = if (length(run$pages)) report_plots, files = changed_files) {
  # What follows is ours, and not limited as the code is. Where R has ended, what it printed ends at the
  # supervisor's mark.
  if (status != "quit" && status != "crashed") mark("E", run$id)
  ms <- round(run$seconds * 1000)
  report <- muffle({
    fields <- describe_run(run, plots, files)
    report_json(run, c(list(
      status = sprintf("\"%s\"", status),
      seconds = sprintf("%.0f.%03.0f", ms %/% 1000, ms %% 1000), # with a point everywhere
      error = if (status == "error") part(error_fields(run))), fields))
  })
  s$run <- NULL
  s$life_id <- "-"
  s$life_started <- "0"
  s$results[[run$id]] <- report
  if (length(s$results) > kKeptResults) s$results[[1L]] <- NULL
  s$asked <- list(type = "c", id = run$id)
  send("D", run$id, report)
  s$asked <- NULL
  keep_alive()
}

finish_run <- function() {
  run <- s$run
  failed <- !is.null(run$error) || !run$ended
  run$seconds <- proc.time()[[3L]] - run$started
  check_channels()
  undo_sinks(run)
  settle_options()
  if (failed && is.null(run$error) && !run$interrupted) run$error <- unseen_error(run$before)
  if (failed) part(suppressWarnings(note_failed(run)))
  if (failed || length(run$said)) part(suppressWarnings(advise(run)))
  conclude(run, if (run$interrupted && !run$ended) "interrupted" else if (failed) "error" else "ok")
}

changed_files <- function(run) {
  looked <- look_again()
  if (length(looked$changed) && !length(run$pages)) part(show_saved(run, looked))
  listing(looked$now, looked$changed)
}

# ---- requests ------------------------------------------------------------------------------------

greeting <- function() {
  json_object(list(
    r_version = json_string(paste(R.version$major, R.version$minor, sep = ".")),
    platform = json_string(R.version$platform),
    executions = json_count(s$executions),
    session = json_count(s$pid),
    given = if (s$given > 0L) "true" else "false",
    idle = if (!is.na(s$idle)) json_count(s$idle)))
}

hello <- function(request) {
  if (!is.null(request$fields$idle)) s$idle <- as.integer(request$fields$idle)
  if (identical(request$fields$given, 1)) s$given <- 1L
  if (is.null(request$fields$quiet)) keep_alive()
  send("H", request$id, greeting())
}

collect <- function(request) {
  report <- s$results[[request$id]]
  if (is.null(report)) send("U", request$id, "{}") else send("D", request$id, report)
}

tell_session <- function(request) {
  past <- history()
  json_object(list(
    r_version = json_string(R.version.string),
    platform = json_string(R.version$platform),
    locale = json_string(Sys.getlocale("LC_CTYPE")),
    timezone = json_string(Sys.timezone()),
    rng = json_string(paste(RNGkind(), collapse = ", ")),
    seed = json_string(sprintf("%d", s$seed)),
    code = json_strings(past$code),
    failed = if (any(past$failed)) json_array(c("false", "true")[past$failed + 1L]),
    code_dropped = positive(s$history_dropped),
    packages = json_strings(loadedNamespaces())))
}

# The packages that R itself brings, or recommends and Debian installs with it.
kOwn <- c("base", "compiler", "datasets", "graphics", "grDevices", "grid", "methods", "parallel", "splines",
          "stats", "stats4", "tcltk", "tools", "translations", "utils", "boot", "class", "cluster", "codetools",
          "foreign", "KernSmooth", "lattice", "MASS", "Matrix", "mgcv", "nlme", "nnet", "rpart", "spatial",
          "survival")
kTopFiles <- 20L

# What there is to work with: packages beyond R's own, with their versions where these are asked for, since
# reading them takes a while; and what the top of /data holds.
tell_surroundings <- function(request) {
  found <- list.files(.libPaths(), full.names = TRUE)
  found <- found[file.exists(file.path(found, "Meta", "package.rds")) & !duplicated(basename(found))]
  names <- basename(found)
  if (is.null(request$fields$versions)) {
    names <- setdiff(names, kOwn)
  } else {
    names <- paste(names, vapply(found, function(path) {
      version <- part(readRDS(file.path(path, "Meta", "package.rds"))$DESCRIPTION[["Version"]])
      if (is.null(version)) "" else version
    }, ""))
  }
  data <- list.files(kData)
  shown <- first_of(data, kTopFiles)
  folders <- dir.exists(file.path(kData, shown))
  json_object(list(
    packages = json_strings(sort(names, method = "radix")),
    data = json_strings(clip_each(paste0(shown, ifelse(folders, "/", "")[seq_along(shown)]))),
    data_count = json_count(length(data))))
}

kMostObjects <- 1000L
kLooking <- 2 # seconds
kSizes <- c(logical = 4, integer = 4, double = 8, complex = 16, raw = 1)

# A variable as a line for who looks at all of them. No method is called, since it may do what it likes, and
# nothing is walked through: a list of two elements may stand for all that there is, and text that R has not
# made yet for all memory. Of a value that cannot even be looked at the name is told.
object_json <- function(name) {
  told <- function(class, ...) json_object(list(name = json_string(clip(name)), class = json_string(clip(class)), ...))
  if (bindingIsActive(as.name(name), globalenv())) return(told("active binding"))
  part({
    value <- get(name, envir = globalenv(), inherits = FALSE)
    kind <- typeof(value)
    size <- if (kind == "list" && inherits(value, "data.frame")) c(.row_names_info(value, 2L), length(unclass(value)))
            else attr(value, "dim", exact = TRUE)
    if (is.object(size) || !typeof(size) %in% c("integer", "double")) size <- NULL
    plain <- kind %in% c(names(kSizes), "character", "list", "expression")
    count <- if (plain) length(unclass(value))
    shown <- if (length(size)) paste(json_count(first_of(size)), collapse = " x ")
    class <- if (is.object(value)) attr(value, "class", exact = TRUE) else class(value)
    line <- if (kind == "closure") {
      sub(" *NULL$", "", paste(deparse(args(value), nlines = 2L), collapse = " "))
    } else if (plain && !is.object(value) && is.null(shown) && identical(count, 1L) && kind != "list") {
      part(if (kind == "character") unclass(value) else format.default(unclass(value)))
    } else if (plain || length(shown)) {
      sprintf("%s [%s]", class[1L], if (length(shown)) shown else json_count(count))
    } else kind
    told(paste(first_of(class), collapse = ", "),
         bytes = if (kind %in% names(kSizes)) json_count(count * kSizes[[kind]]),
         dim = if (length(shown)) json_string(clip(shown)),
         line = if (length(line)) json_string(clip(line)))
  }) %otherwise% told("")
}

`%otherwise%` <- function(value, other) if (is.null(value)) other else value

# What was put off until it is looked at (delayedAssign) is made now, and may take its time.
tell_objects <- function(request) {
  names <- ls(globalenv(), sorted = TRUE)
  end <- proc.time()[["elapsed"]] + kLooking
  told <- unlist(lapply(first_of(names, kMostObjects), function(name) {
    left <- end - proc.time()[["elapsed"]]
    if (left > 0) briefly(min(left, 0.5), object_json(name))
  }))
  json_object(list(objects = json_array(told), left_out = positive(length(names) - length(told))))
}

kHot <- c("next_step", "again", "advance", "free_name", "in_browser", "start_run", "plan_run", "parse_code",
          "finish_run", "conclude", "describe_run", "report_json", "json_object", "json_string", "utf8",
          "send", "put_bytes", "feed", "mark", "keep_alive", "check_channels", "parse_request",
          "parse_header", "read_frame", "read_on", "read_message", "serve", "look", "look_again",
          "changed_files", "folder_times", "left_running", "last_process", "value_fields", "summary_of",
          "size_of", "clip", "clip_each", "watch", "watching", "undo_sinks", "settle_options", "remember",
          "new_run", "done", "part", "equal", "json_number", "listing", "write_raw", "read_raw", "flush_out",
          "rewind", "open_to_read", "close_it", "are_ours", "give", "enter_step",
          "leave_step", "info_of", "parse_text", "text_of", "positive", "json_count", "behind", "put_file",
          "use_quiet_time", "full_frames", "guard", "muffle", "keeps_source",
          "put_text", "header_of", "last_value")

# What many a first execution needs, and is never compiled at the cost of one.
kLater <- c("new_device", "our_devices", "own_device", "on_device", "drawn_on", "page_path", "read_page",
            "new_page", "touch", "look_at_pages", "see_drawn", "end_page", "send_page", "place_pages",
            "show_early", "keep_page", "note_page", "within_ggplot", "render", "fair_share", "report_plots",
            "first_of", "note_items", "is_png", "answer", "json_strings", "tell_surroundings")

# Puts the functions where the top level finds them.
lay_out <- function() {
  assign(".omcp_next", next_step, kTable)
  assign(".omcp_done", done, kTable)
  assign(".omcp_again", again, kTable)
}

# R would compile each function at its second call, in the middle of the user's first executions. It is
# kept from that (see enter_step), and they are compiled one by one while nobody asks for anything.
compile_next <- function() {
  home <- environment(compile_next)
  s$compiled <- s$compiled + 1L
  name <- c(kHot, kLater)[s$compiled]
  # A warning about what R finds to be unused, just then, is nobody's. Code can have left R unable to
  # compile: then all goes on as it is, and R does not try either.
  compiled <- whole_part(suppressWarnings(compiler::cmpfun(get(name, home))))
  if (is.function(compiled)) assign(name, compiled, home) else s$compiled <- kNever
  if (s$compiled == length(kHot)) lay_out()
}

kNever <- -1L

# What R does for the first time takes longer: finding its fonts, listing its packages. Only while no
# code has run, which could see it or have a part in it.
rehearse <- function() {
  s$rehearsed <- TRUE
  if (s$executions > 0L) return()
  part(suppressWarnings({
    drawn_as_png(s$device$width, s$device$height, s$device$res, {
      graphics::plot.new()
      graphics::title("Rr")
    })
    tell_surroundings(list())
    value_fields(1)
  }))
}

kQuiet <- 1.5    # seconds without a request, after which there is time for ourselves: others may be starting
kGlance <- 0.004 # seconds between two glances at the requests
kPatience <- 20L # executions without such a time, after which each costs the next one a function

# Uses the time until the next request comes. What has come is kept for read_frame().
use_quiet_time <- function() {
  hot <- s$compiled < length(kHot)
  early <- s$executions <= kPatience && s$at_once > 0L
  if (length(s$held) || s$compiled == kNever || !(hot || early && !s$rehearsed)) return()
  glance <- if (early) part(suppressWarnings(fifo(place_of("requests"), "rb", blocking = FALSE)))
  if (is.null(glance)) return(if (hot) compile_next())
  on.exit(part(close_it(glance)))
  quiet <- 0
  # Where nothing has come, reading is an error.
  while (!length(s$held <- part(read_raw(glance, kAtOnce))) && s$compiled != kNever && !s$rehearsed) {
    if (quiet < kQuiet) {
      pause(kGlance)
      quiet <- quiet + kGlance
    } else if (s$compiled < length(kHot) + length(kLater)) {
      compile_next()
    } else {
      rehearse()
    }
  }
}

kPreloadSeconds <- 30L # for one of them

# Loads namespaces before anybody uses this session: nothing is said, attached or drawn from the random
# numbers for it. The answer names what is not there.
preload <- function(request) {
  names <- strsplit(text_of(request$body), " ", fixed = TRUE)[[1L]]
  there <- vapply(names, function(name) {
    check_channels()
    keep_alive(kPreloadSeconds)
    isTRUE(whole_part(suppressMessages(requireNamespace(name, quietly = TRUE))))
  }, NA)
  # What loading one has left behind is nobody's.
  check_channels()
  for (i in seq_len(sink.number())) sink()
  if (sink.number(type = "message") != 2L) sink(type = "message")
  part(grDevices::graphics.off())
  set.seed(s$seed, "default", "default", "default")
  keep_alive()
  paste(names[!there], collapse = " ")
}

# The fields that a request must have.
kRequests <- list(n = character(), h = character(), r = "timeout", c = character(), l = "max", g = c("offset", "max"),
                  p = c("path_bytes", "offset", "last"), s = character(), k = character(), o = character(),
                  w = character(), t = character())
kAnswers <- list(p = put_file, g = get_file, l = list_files, s = tell_session, k = tell_surroundings,
                 n = preload, o = tell_objects, w = tell_whole, t = tell_words)

answer <- function(request, work) {
  failed <- NULL
  bytes <- tryCatch(suppressWarnings(work(request)),
                    error = function(e) failed <<- utf8(conditionMessage(e)))
  if (is.null(failed)) send("A", request$id, bytes) else send("F", request$id, failed)
}

serve <- function(message) {
  s$asked <- message
  s$unwound <- 0L
  give(message)
  s$asked <- NULL
}

give <- function(message) {
  type <- message$type
  request <- if (!message$broken) parse_request(message)
  needed <- kRequests[[type]]
  if (is.null(request) || is.null(needed) || !all(match(needed, names(request$fields), 0L))) {
    if (type %in% c("r", "c")) return(send("U", message$id, "{}"))
    return(send("F", message$id, "The sandbox could not read this request: send it again."))
  }
  switch(type,
    r = start_run(request),
    h = hello(request),
    c = collect(request),
    answer(request, kAnswers[[type]]))
}

# ---- the functions that the top level calls ----------------------------------------------------

# Calls none of R's functions: where code has marked one, R's debugger would open in it.
done <- function() {
  if (!is.null(s$run)) s$run$ended <- TRUE
  .Internal(options(echo = FALSE))
  invisible(last_value())
}

# What .Last.value is to be still; it can be the empty name, which no variable gives.
last_value <- function() {
  if (is.name(.BaseNamespaceEnv$.Last.value)) part(.Last.value) else .Last.value
}

# The third function, see wire.R. A step that is still under way goes on as soon as R's debugger, in which
# this is read, is told to; one that a jump has ended before anything could be done about it is taken anew.
again <- function() {
  if (!s$fed) feed(if (sys.nframe() > 1L) kLeave else kNext)
  else .Internal(interruptsSuspended(FALSE))
  s$fed <- FALSE
  invisible(last_value())
}

advance <- function() {
  repeat {
    run <- s$run
    if (is.null(run)) {
      use_quiet_time()
      serve(read_message())
      next
    }
    if (length(s$folders)) part(place_pages(run))
    if (!is.null(run$offer)) part(settle_lines(run))
    if (run$ended && run$index < length(run$expressions)) {
      if (run$index > 0L && run$kept != keeps_source()) plan_run(run)
      break
    } else {
      if (run$ended && !is.null(run$broken)) parse_failed(run, run$broken)
      finish_run()
    }
  }
  # One that came between two expressions of a run ends it; a late one, from before it, is nobody's.
  late <- run$late || tryCatch({
    allowInterrupts(Sys.sleep(0))
    FALSE
  }, interrupt = function(e) TRUE)
  run$ended <- FALSE
  run$error <- NULL
  run$late <- FALSE
  run$interrupted <- late && run$index > 0L
  if (run$interrupted) {
    finish_run()
    return(advance())
  }
  run$index <- run$index + 1L
  run$passed <- FALSE
  run$before <- geterrmessage()
  settle_options() # at a full C stack no handler runs that could still do it
  check_channels("script")
  # A connection that stdin() gave may be read again without it.
  if (run$reads) part(offer_lines(run, "ahead"))
  s$promise <- free_name()
  .Internal(delayedAssign(s$promise, run$expressions[[run$index]], globalenv(), s$desk))
  feed(c(s$promise, kStep))
  s$unwound <- 0L
}

# A name that nothing has on the way to s$desk, whatever code has made, and that can be had there. It may have
# detached or locked all there was. Most often our own last promise is all that has the usual one: without
# it nothing is found, and where one is put there, that is found.
free_name <- function() {
  name <- kPromise
  if (!.Internal(environmentIsLocked(s$desk))) {
    if (.Internal(exists(name, s$desk, "any", FALSE))) .Internal(remove(name, s$desk, FALSE))
    if (!.Internal(exists(name, globalenv(), "any", TRUE))) {
      .Internal(assign(name, NULL, s$desk, FALSE))
      if (.Internal(exists(name, globalenv(), "any", TRUE))) return(name)
    }
  }
  place <- globalenv()
  while (!identical(place, s$desk)) {
    if (identical(place, emptyenv())) return(free_name_elsewhere())
    taken <- .Internal(exists(name, place, "any", FALSE))
    if (taken) name <- paste0(name, ".")
    place <- if (taken) globalenv() else parent.env(place)
  }
  binding <- as.name(name)
  open <- if (.Internal(exists(name, place, "any", FALSE))) {
    !(.Internal(bindingIsLocked(binding, place)) || .Internal(bindingIsActive(binding, place)))
  } else !.Internal(environmentIsLocked(place))
  if (open) name else free_name_elsewhere()
}

free_name_elsewhere <- function() {
  s$desk <- attach(NULL, length(search()), "Autoloads")
  free_name()
}

kStep <- paste0("; ", kOurs, ".omcp_done()\n", kNext)
kLeave <- paste0("c\n", kAgain) # what R's debugger reads as to go on
kUnwound <- 8L

# After whatever has unwound a step of ours before it fed the top level: an error, an interrupt, the jump
# of an object's method. R would read its script for ever. The step is taken anew, without what it was
# looking at where that was ours to look at; and where that helps nothing the supervisor starts another R.
go_on <- function() {
  s$unwound <- s$unwound + 1L
  if (s$unwound > kUnwound) end_session()
  for (name in kOften) reopen(name)
  settle_options()
  run <- s$run
  asked <- s$asked
  s$asked <- NULL
  if (s$unwound == 1L && identical(asked$type, "r") && (is.null(run) || run$index == 0L)) {
    # Nothing of its code has run yet.
    s$run <- NULL
    s$executions <- s$executions - (!is.null(run))
    give(asked)
  } else if (!is.null(run)) {
    if (!is.null(run$shown) || length(run$pages)) {
      run$notes <- c(run$notes, "What this call has shown could not be described: that ended in an error of its own.")
    }
    run$shown <- NULL
    if (s$unwound > 1L) run$pages <- list()
  } else if (!is.null(asked)) {
    report <- s$results[[asked$id]]
    if (!is.null(report)) send("D", asked$id, report)
    else if (asked$type %in% c("r", "c")) send("U", asked$id, "{}")
    else send("F", asked$id, "The sandbox could not answer this request: send it again.")
  }
  feed(kNext)
}

# Without anything that code may have made fail as well.
end_session <- function(...) {
  s$run <- NULL
  .Internal(quit("no", 70L, FALSE))
}

kDeep <- 5000L # expressions, as R has it

# Short functions, of which R's compiler takes no note: see compile_next().
enter_step <- function() {
  # Until the code goes on: see again().
  .Internal(interruptsSuspended(TRUE))
  # What code has marked with debug() or trace() is none of a step's.
  .Internal(debugOnOff(FALSE))
  s$traced <- .Internal(traceOnOff(FALSE))
  # A forked child that fell to the top level would read its parent's requests.
  if (Sys.getpid() != s$pid) tools::pskill(Sys.getpid(), tools::SIGKILL)
  s$level <- if (s$compiled < length(kHot)) .Internal(enableJIT(0L))
  # What code may be nested by, and how long it may run, is none of a step's.
  s$deep <- if (.Internal(getOption("expressions")) < kDeep) .Internal(options(expressions = kDeep))[[1L]]
  .Internal(setTimeLimit(Inf, Inf, TRUE))
}

leave_step <- function() {
  .Internal(interruptsSuspended(TRUE))
  if (!s$fed) tryCatch(go_on(), error = end_session)
  if (!is.null(s$level)) .Internal(enableJIT(s$level))
  if (!is.null(s$deep)) .Internal(options(expressions = s$deep))
  .Internal(traceOnOff(s$traced))
  .Internal(debugOnOff(TRUE))
}

next_step <- function() {
  s$fed <- FALSE
  on.exit(leave_step())
  enter_step()
  if (in_browser()) {
    frame <- parent.frame()
    end_debugger(frame, sys.parent())
    return(invisible())
  }
  last <- last_value()
  advance()
  invisible(last)
}

# Keeps what autoprinting showed last, and that the expression has come to its end. A callback, because
# only those are told what was visible.
note_value <- function(expression, value, succeeded, visible) {
  if (is.name(expression) && is_of_code(expression)) {
    s$run$passed <- TRUE
    if (visible && !missing(value)) s$run$shown <- list(value = value)
  }
  TRUE
}

# ---- start and end -------------------------------------------------------------------------------

# At the end of R: what the call that ended it has made is reported. No mark ends its output: what
# finalizers print comes later, and the supervisor marks the end of R.
quitting <- before_body(function(...) {
  run <- s$run
  if (is.null(run) || Sys.getpid() != s$pid) return()
  check_channels()
  run$seconds <- proc.time()[[3L]] - run$started
  if (length(s$folders)) part(place_pages(run))
  conclude(run, "quit")
  unlink(s$folders, recursive = TRUE)
}, kUnmark)

# Reads what the life record says. The supervisor keeps in it which run was under way when R died: what
# that one had finished is reported before anything else.
recover <- function() {
  bytes <- read_start("/proc/self/fd/6", 80L)
  bytes[!(bytes %in% charToRaw("0123456789abcdef.-"))] <- charToRaw(" ")
  fields <- strsplit(rawToChar(bytes), " +")[[1L]]
  s$idle <- as.integer(fields[1L])
  s$given <- if (identical(fields[6L], "1")) 1L else 0L
  look_again()
  if (grepl("^[0-9a-f]{16}$", fields[4L])) {
    run <- new_run(fields[4L])
    started <- as.numeric(fields[5L])
    if (is.na(started)) started <- unclass(Sys.time())
    run$seconds <- max(0, unclass(Sys.time()) - started)
    conclude(run, "crashed", report_left_pages, function(run) {
      now <- look_again()$now
      listing(now, which(now$time >= started))
    })
  }
  part(unlink(left_folders(), recursive = TRUE))
}

# What reads R's console would read the pipe that feeds the top level, and what closes every
# connection would close ours.
guard_base <- function() {
  replace_in("base", "stdin", console)
  replace_in("base", "file.choose", choose_nothing)
  replace_in("base", "closeAllConnections", function() {
    if (sink.number(type = "message") > 0L) sink(stderr(), type = "message")
    for (i in seq_len(sink.number())) sink()
    for (i in setdiff(getAllConnections(), c(0:2, s$numbers))) close(getConnection(i))
    invisible()
  })
}

start <- function() {
  for (name in names(kChannels)) open_channel(name)
  guard_base()
  part(guard_packages())
  replace_console()
  keep_recording()
  watch_widgets()
  lay_out()
  # A backtrace of rlang's is a dozen lines of machinery; the result names the innermost calls.
  options(device = open_device, error = quote(invisible(NULL)), menu.graphics = FALSE,
          rlang_backtrace_on_error = "none")
  watch()
  for (system in c("plot.new", "grid.newpage")) {
    setHook(paste0("before.", system), before_page)
    setHook(system, after_page)
  }
  reg.finalizer(s, quitting, onexit = TRUE)
  # So that the session's script can say how to draw the same random numbers again.
  s$seed <- as.integer((as.numeric(Sys.time()) * 1e4 + s$pid) %% 2147483647)
  set.seed(s$seed)
  drain_requests()
  suppressWarnings(recover())
  left_running()
  keep_alive()
  send("R", kNoId, greeting())
}
level <- .Internal(enableJIT(0L))
start()
invisible(.Internal(enableJIT(level)))
