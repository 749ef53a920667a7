# ---- advice --------------------------------------------------------------------------------------
# What a sandbox is without, and what to do instead: added to what R says of a run that failed or warned.

kData <- "/data"
# R's own limit is three quarters of the container's. Read before code can change it.
kMemory <- suppressWarnings(as.numeric(Sys.getenv("R_MAX_VSIZE"))) / 3 * 4 / 2^20

megabytes <- function(share) sprintf("%.0f MB", kMemory * share)
kAsk <- "ask the user for an image that has %s (DOCKER_IMAGE or ALLOWED_IMAGES)."
kNoPackages <- paste("packages cannot be installed in a sandbox:", kAsk)
# Whether the user lets code run from /tmp. Read before code can change it.
kExec <- nzchar(Sys.getenv("EXEC_TMP"))
kNoCompiler <- if (kExec) {
  "There is no compiler in this image: ask the user for one that has (`omcp-r-sandbox image build --compiler`)."
} else paste("Code cannot be compiled in a sandbox, as nothing can be loaded from /sandbox or /tmp",
             "(noexec): write it in R, or", sprintf(kAsk, "a package for it"))

# Patterns in what R says, each with what is to be added to it. "called": what user code itself says, at
# the top level, is no sign of it.
kRules <- list(
  c(paste0("there is no package called|",
           "[Pp]ackage [^A-Za-z]{1,3}[A-Za-z0-9.]+[^A-Za-z0-9.]{1,4}(is )?(required|needed)"), "package"),
  c(paste0("No such file|([Cc]an(not|'t)|could not) (open|find) (compressed |directory|file)|not exist|",
           "[Uu]nable to open|cannot change working directory|[Ff]ailed to open"), "file"),
  c("running command .*(R CMD INSTALL|install[._]packages|(pip3?|apt|apt-get|conda) install)",
    sub("p", "P", sprintf(kNoPackages, "them"))),
  c(paste0("cannot open URL|URL 'https?:|[Cc]ould ?n[o']t (resolve|connect)|[Ff]ailed to (connect|resolve)|",
           "name resolution|access index for repository|(host|etwork) is unreachable|",
           "running command .*\\b(curl|wget|git) .*had status (?!127)"),
    paste("There is no network in a sandbox: ask the user for the data, as a file in /data or in the `files`",
          "argument of execute_r_code."), "called"),
  c("No space left|File too large|(problem|[Ee]rror) writing to connection|write (failed|error)",
    paste0("/sandbox holds at most ", megabytes(1 / 4), " and /tmp ", megabytes(1 / 8), ", both in memory: ",
           "delete files that are not needed (unlink()), or write less."), "called"),
  c("failed to map segment|running command .* had status 126",
    paste("Nothing can be run or loaded from",
          if (kExec) "/sandbox (noexec), only from /tmp:" else "/sandbox or /tmp (noexec):",
          "use R code or what the image has; a",
          "script runs through its interpreter, as in `sh x.sh`.")),
  c("building shared library|tools required to build", kNoCompiler),
  c("Read-only file system",
    "Only /sandbox and /tmp can be written to: write there. Relative paths begin in /sandbox."),
  c("cannot allocate (vector|memory)|memory exhausted|vector memory limit|std::bad_alloc",
    paste0("The sandbox has ", megabytes(1), " of memory, files in /sandbox and /tmp included: read fewer ",
           "columns (data.table::fread(select = )) or rows, drop what is not needed (rm(), then gc()), or ",
           "work on a part at a time.")))
kTelling <- paste0("(?s)", paste(vapply(kRules, `[`, "", 1L), collapse = "|"))

# With ASCII quotes, so that bytes can be matched in any locale.
plain <- function(said) chartr("\u2018\u2019\u201c\u201d", "''''", clip_each(as.character(said), 2000L))

# Of an error first: what warnings say may be less to the point.
advise <- function(run) {
  error <- plain(run$error$message)
  if (any(grepl("in a sandbox", error, fixed = TRUE))) return() # it says so itself
  call <- if (!is.null(run$error$call)) plain(deparse_line(run$error$call))
  notes <- character()
  for (said in list(error, plain(run$said))) {
    for (rule in if (any(grepl(kTelling, said, perl = TRUE, useBytes = TRUE))) kRules) {
      if (length(rule) > 2L && identical(said, error) && is.null(call) && "simpleError" %in% run$error$class) next
      found <- grep(paste0("(?s)", rule[1L]), said, perl = TRUE, value = TRUE, useBytes = TRUE)
      note <- if (length(found)) switch(rule[2L], package = missing_note(found),
                                        file = file_note(run, c(found, call)), rule[2L])
      notes <- unique(c(notes, if (length(note)) clip(note, 297L)))
    }
  }
  run$notes <- c(run$notes, first_of(notes, 2L))
}

# ---- packages ------------------------------------------------------------------------------------

# What does the same, where an image has it; with blanks: what all have.
kInstead <- c(
  tidyverse = "dplyr|tidyr|ggplot2|readr|purrr|tibble|stringr|lubridate|data.table",
  dplyr = "data.table|base R's aggregate() and merge()", tidyr = "data.table|base R's reshape()",
  readr = "data.table|base R's read.csv()", data.table = "dplyr",
  ggplot2 = "lattice|base R's plot()", purrr = "base R's lapply() and Map()",
  stringr = "stringi|base R's regmatches()", readxl = "openxlsx")

instead_of <- function(name, have) {
  distance <- utils::adist(name, have, ignore.case = TRUE)
  near <- order(distance)[seq_len(sum(distance <= (nchar(name) > 3L) + (nchar(name) > 6L)))]
  others <- unlist(strsplit(kInstead[names(kInstead) == name], "|", fixed = TRUE))
  c(first_of(have[near], 3L), others[others %in% have | grepl(" ", others, fixed = TRUE)])
}

named <- function(x) paste(clip(paste(x, collapse = ", "), 60L), if (length(x) > 1L) "are" else "is")

missing_packages <- function(names) {
  have <- first_of(list.files(.libPaths()), 5000L)
  names <- setdiff(names, have)
  instead <- unique(unlist(lapply(first_of(names, 5L), instead_of, have)))
  if (length(names)) paste0(
    named(names), " not installed, and packages cannot be installed in a sandbox: ask the user for an image that has ",
    if (length(names) > 1L) "them" else "it", " (`omcp-r-sandbox image build --packages ",
    clip(paste(names, collapse = ","), 60L), "` makes one).",
    if (length(instead)) paste0(" There is ", clip(paste(instead, collapse = ", "), 90L), "."))
}

missing_note <- function(said) {
  name <- "^.*?(package called|[Pp]ackage) [^A-Za-z]{1,3}([A-Za-z0-9.]*[A-Za-z0-9]).*$"
  missing_packages(unique(sub(name, "\\2", gsub("\n", " ", said), perl = TRUE, useBytes = TRUE)))
}

refusal <- function(names) {
  names <- grep("^[A-Za-z][A-Za-z0-9.]*$", sub("^.*[/:]", "", names), value = TRUE)
  text <- part(missing_packages(names))
  if (length(text)) text
  else if (length(names)) paste(named(names), "installed already: use library().")
  else sub("p", "P", sprintf(kNoPackages, "them"))
}

# What could only wait for a network or a compiler is refused at once: functions by package.
kRefused <- c(
  pak = "^(pak|pkg_install|pkg_upgrade|local_install.*)$", remotes = "^install_", devtools = "^install",
  renv = "^(init|install|restore|update|hydrate)$", BiocManager = "^install$",
  reticulate = "^(py_install|install_.*|(virtualenv|conda)_(create|install))$",
  Rcpp = "^sourceCpp$", cpp11 = "^cpp_source$", rstan = "^stan_model$")
kCompilers <- c("Rcpp", "cpp11", "rstan")

no_packages <- function(...) stop(refusal(unlist(Filter(is.character, list(...)[1L]))))
no_compiler <- function(...) stop(kNoCompiler)

guard_package <- function(package, ...) part({
  home <- asNamespace(package)
  instead <- if (package %in% kCompilers) no_compiler else no_packages
  for (name in grep(kRefused[[package]], ls(home), value = TRUE)) replace_in(package, name, instead)
})

why_not <- function(pkgs, repos) {
  here <- is.null(repos) || all(startsWith(as.character(repos), "file:")) ||
    (length(pkgs) == 1L && grepl("[.](tar[.]gz|tgz|zip)$", pkgs))
  if (!here) refusal(pkgs)
}

# R tells the status only of a command whose output was asked for.
note_status <- function(command, status) {
  if (!is.integer(status) || length(status) != 1L || status == 0L || is.null(s$run)) return()
  s$run$said <- c(first_of(s$run$said), sprintf("running command '%s' had status %d", clip(command), status))
}

guard_packages <- function() {
  check <- bquote(if (length(why <- .(why_not)(if (!missing(pkgs)) pkgs, repos))) stop(why))
  install <- before_body(utils::install.packages, check)
  replace_in("utils", "install.packages", install)
  replace_in("utils", "update.packages", no_packages)
  for (package in setdiff(names(kRefused), if (kExec) kCompilers)) setHook(packageEvent(package, "onLoad"), guard_package)
  noted <- bquote(on.exit(.(note_status)(command, returnValue())))
  for (name in c("system", "system2")) {
    replace_in("base", name, before_body(get(name, baseenv()), noted))
  }
}

# ---- files ---------------------------------------------------------------------------------------

# What base R could not open, and absolute paths of any system.
paths_in <- function(said) {
  path <- "file '\\K[^']+|(?<![\\w./~:\\\\-])([A-Za-z]:[\\\\/]|~[\\\\/]|/)\\b[^'\"`\n:*?<>|,;]+"
  found <- unlist(regmatches(said, gregexpr(path, said, perl = TRUE, useBytes = TRUE)))
  unique(sub("(\\.?| (does|do|is|was|not|could|cannot) .*)$", "", found))
}

file_note <- function(run, said) {
  for (path in first_of(paths_in(grep("Read-only", said, value = TRUE, invert = TRUE)), 5L)) {
    note <- if (!file.exists(path)) one_file_note(path, strsplit(path, "[\\\\/]+")[[1L]], run$code)
    if (length(note)) return(note)
  }
}

one_file_note <- function(path, parts, code) {
  below <- startsWith(path, paste0(kWork, "/"))
  if (below) parts <- strsplit(substring(path, nchar(kWork) + 2L), "/+")[[1L]]
  parts <- parts[!grepl("^(~|[A-Za-z]:|)$", parts)]
  n <- length(parts)
  tails <- vapply(seq_len(min(n, 20L)), function(i) paste(parts[i:n], collapse = "/"), "")
  places <- c(file.path(kData, tails), file.path(kWork, tails))
  there <- places[file.exists(places)]
  shown <- clip(path, 60L)
  if (length(there)) return(sprintf("%s is not in the sandbox, but %s is.", shown, clip(there[1L], 150L)))
  # Of the sandbox's own paths R says enough, unless "~" was meant to be the user's home.
  own <- if (below) !grepl("~/", code, fixed = TRUE) else !grepl("^([A-Za-z]:|~|/)", path) ||
    (dir.exists(paste0("/", parts[1L])) && !(parts[1L] %in% c("home", "root", "mnt", "media", "data")))
  if (!own) paste0(shown, " is not in the sandbox, which does not see the user's machine: ",
    if (dir.exists(kData)) paste0("read from /data (", data_names(parts[n]), "), or "),
    "pass files in the `files` argument of execute_r_code; write to /sandbox.")
}

data_names <- function(name) {
  names <- first_of(list.files(kData), 2000L)
  near <- names[order(utils::adist(name, names, ignore.case = TRUE))]
  if (length(near)) clip(paste(clip_each(first_of(near, 5L), 30L), collapse = ", "), 80L) else "it is empty"
}
