# What a run is told to do instead, where a sandbox lacks what the code asks for.
source("harness.R")
Sys.setenv(R_MAX_VSIZE = 384 * 2^20) # as in a container of 512 MB
Sys.setenv(R_LIBS_SITE = "/nonexistent", R_LIBS_USER = "/nonexistent") # what is missing, wherever this runs
x <- ready_session()
invisible(greet(x))

notes_of <- function(code, session = x) {
  notes <- as.character(unlist(run(session, code)$report$notes))
  stopifnot(all(nchar(notes, "bytes") <= 300L), length(notes) <= 2L)
  notes
}
note <- function(code, ...) {
  notes <- notes_of(code, ...)
  if (length(notes) != 1L) stop(length(notes), " notes: ", paste(notes, collapse = "; "))
  notes
}
error_of <- function(code) {
  r <- run(x, code)
  is(r$report$status, "error")
  is(r$report$notes, NULL)
  r$report$error$message
}

# Packages as plain folders, which is what a library is to who looks for names.
library_of <- function(...) {
  home <- tempfile("library-")
  for (name in c(...)) dir.create(file.path(home, name), recursive = TRUE)
  run(x, sprintf(".libPaths(c('%s', .libPaths()))", home))
  home
}

test("what needs no advice gets none", {
  for (code in c("1", "stop('no luck')", "warning('careful')", "as.integer('x')", "f(", "log('a')", "no_such", "stop('x does not exist in a / b')", "system('exit 1 # digit x')",
                 "system('true'); system('false')", "library(stats)", "tryCatch(library(nobody9), error = identity)",
                 "suppressWarnings(file('/home/me/x.csv', 'r'))")) {
    r <- run(x, code)
    if (length(r$report$notes) && !startsWith(code, "suppress")) stop(code, ": ", unlist(r$report$notes))
  }
})

test("a missing package: how to get it", {
  wanted <- paste("nobody9 is not installed, and packages cannot be installed in a sandbox: ask the user for an image",
                  "that has it (`omcp-r-sandbox image build --packages nobody9` makes one).")
  for (code in c("library(nobody9)", "nobody9::f()", "loadNamespace('nobody9')", "require(nobody9)",
                 "stop('The package `nobody9` is required.')", "stop('Package \"nobody9\" needed for this.')")) {
    is(note(code), wanted)
  }
  has(note("require(nobody9); require(nobody8)"), "nobody9, nobody8 are not installed")
  is(notes_of("stop('there is no package called \u2018stats\u2019')"), character())
})

test("a missing package: what comes near and what does the same", {
  library_of("zzplot2", "dplyr", "purrr", "data.table", "rpart")
  has(note("library(zzplot)"), "There is zzplot2.")
  has(note("library(ZZPlot2)"), "There is zzplot2.")
  has(note("library(tidyverse)"), "There is dplyr, ")
  has(note("library(tidyverse)"), "purrr")
  has(note("library(tidyr)"), "There is data.table, base R's reshape().")
  run(x, ".libPaths('')")
})

test("packages are not installed, and that is an error at once", {
  wanted <- paste("nobody9 is not installed, and packages cannot be installed in a sandbox: ask the user for an image",
                  "that has it (`omcp-r-sandbox image build --packages nobody9` makes one).")
  is(error_of("install.packages('nobody9', repos = 'https://cloud.r-project.org')"), wanted)
  is(error_of("install.packages('nobody9')"), wanted)
  is(error_of("utils::install.packages(c('nobody9', 'stats'), lib = '/tmp')"), wanted)
  has(error_of("install.packages('stats')"), "stats is installed already")
  has(error_of("install.packages()"), "Packages cannot be installed in a sandbox")
  has(error_of("update.packages(ask = FALSE)"), "Packages cannot be installed in a sandbox")
  is(error_of("if (!require(nobody9)) install.packages('nobody9')"), wanted)
  e <- run(x, "install.packages('nobody9')")$report$error
  is(e$call, "install.packages(\"nobody9\")")
  is(unlist(e$traceback), c(e$call, "stop(why)"))
  # What needs no network is R's own.
  r <- run(x, "install.packages('no_file.tar.gz', repos = NULL, lib = tempdir())")
  stopifnot(!grepl("cannot be installed", c(r$output, r$report$error$message)))
  has(note("system('exit 1 # R CMD INSTALL x')"), "Packages cannot be installed in a sandbox")
})

# A source package of one file, as installed.packages() would have it.
fake_package <- function(name, code, library) {
  source <- file.path(tempfile("source-"), name)
  dir.create(file.path(source, "R"), recursive = TRUE)
  writeLines(c(paste("Package:", name), "Version: 1.0", "Title: T", "Author: A", "Description: D", "License: L",
               "Maintainer: M <m@m.m>"), file.path(source, "DESCRIPTION"))
  writeLines("exportPattern(\".\")", file.path(source, "NAMESPACE"))
  writeLines(code, file.path(source, "R", "code.R"))
  is(system2(file.path(R.home("bin"), "R"), c("CMD INSTALL --no-docs --no-help -l", library, source),
             stdout = FALSE, stderr = FALSE), 0L)
}

test("installers and compilers of packages are refused as these are loaded", {
  home <- tempfile("library-")
  dir.create(home)
  fake_package("remotes", c("install_github <- function(...) 'waited'", "other <- function() 'kept'"), home)
  fake_package("renv", "restore <- function(...) 'waited'", home)
  fake_package("Rcpp", c("sourceCpp <- function(...) 'waited'", "cppFunction <- function(...) sourceCpp()"), home)
  run(x, sprintf(".libPaths(c('%s', .libPaths()))", home))
  has(error_of("remotes::install_github('some/nobody9', lib = '/tmp')"), "nobody9 is not installed, and packages cannot")
  is(run(x, "remotes::other()")$report$value$summary, "kept")
  has(error_of("library(remotes); install_github('some/nobody9')"), "nobody9 is not installed")
  has(error_of("renv::restore()"), "Packages cannot be installed in a sandbox")
  has(error_of("Rcpp::cppFunction('int f() { return 1; }')"), "Code cannot be compiled in a sandbox")
})

test("a path of the user's machine: where the file is", {
  data <- paste0(x$work, "-data")
  lacks <- "is not in the sandbox, which does not see the user's machine: "
  files <- "pass files in the `files` argument of execute_r_code; write to /sandbox."
  is(note("read.csv('/home/me/sales.csv')"), paste0("/home/me/sales.csv ", lacks, files))
  dir.create(file.path(data, "2024"), recursive = TRUE)
  for (name in c("sales.csv", "2024/sales.csv", "costs.csv")) file.create(file.path(data, name))
  file.create(file.path(x$work, "own.rds"))
  is(note("read.csv('/home/me/sales.csv')"),
     sprintf("/home/me/sales.csv is not in the sandbox, but %s/sales.csv is.", data))
  for (code in c("readRDS('C:\\\\Users\\\\me\\\\2024\\\\sales.csv')", "load('D:/2024/sales.csv')",
                 "source('/Volumes/x/2024/sales.csv')",
                 "stop(\"File '/home/me/2024/sales.csv' does not exist or is non-readable. getwd()=='/sandbox'\")",
                 "stop('`path` does not exist: \u2018/Users/me/2024/sales.csv\u2019')",
                 "stop('/Users/me/2024/sales.csv does not exist.')")) {
    has(note(code), sprintf("but %s/2024/sales.csv is.", data))
  }
  has(note("readRDS('/Users/me/own.rds')"), sprintf("but %s/own.rds is.", x$work))
  has(note("read.csv('sales.csv')"), sprintf("but %s/sales.csv is.", data))
  has(note("read.csv('/Users/me/sails.csv')"), "read from /data (sales.csv, costs.csv, 2024), or pass files")
  has(note("read.csv('/mnt/data/sails.csv')"), "/mnt/data/sails.csv is not in the sandbox, which")
  has(note("png('/Users/me/a.png'); plot(1)"), "/Users/me/a.png is not in the sandbox, which")
  has(note("setwd('/home/me/project')"), "/home/me/project is not in the sandbox, which")
  is(notes_of("read.csv('nobody.csv')"), character())
  is(notes_of("read.csv('/usr/share/nobody.csv')"), character())
  is(notes_of(sprintf("read.csv('%s/nobody.csv')", x$work)), character())
  run(x, sprintf("Sys.setenv(HOME = '%s')", x$work))
  has(note(sprintf("stop(\"cannot open file '%s/Desktop/a.csv'\") # ~/Desktop/a.csv", x$work)),
      "does not see the user's machine")
  stopifnot(nchar(note(sprintf("file('/Users/%s/x', 'r')", strrep("long/", 100L)))) < 300L)
  unlink(data, recursive = TRUE)
})

test("what a sandbox forbids is said in a sentence", {
  has(note("warning(\"URL 'https://x.org/': status was 'Could not resolve hostname'\")"), "There is no network")
  has(note("f <- function() stop('cannot open URL \\'https://x.org\\''); f()"), "There is no network")
  has(note("system('exit 6 # curl x.org')"), "There is no network")
  is(note("f <- function() stop('No space left on device'); f()"), paste(
    "/sandbox holds at most 128 MB and /tmp 64 MB, both in memory: delete files that are not needed (unlink()),",
    "or write less."))
  has(note("system('true\n exit 126')"), "Nothing can be run or loaded from /sandbox or /tmp (noexec)")
  has(note("invisible(system2('sh', c('-c', '\"exit 126\"'), stdout = FALSE))"), "(noexec)")
  has(note("stop('unable to load shared object \\'/tmp/a.so\\':\\n /tmp/a.so: failed to map segment from shared object')"),
      "(noexec)")
  has(note("warning(\"cannot open file '/x.csv': Read-only file system\")"), "Only /sandbox and /tmp can be written to")
  for (said in c("cannot allocate vector of size 3.7 Gb", "vector memory exhausted (limit reached?)",
                 "vector memory limit of 0.4 Gb reached, see mem.maxVSize()")) {
    has(note(sprintf("stop('%s')", said)), "The sandbox has 512 MB of memory, files in /sandbox and /tmp included")
  }
})

test("what user code says itself is no sign of what a sandbox lacks", {
  is(length(notes_of("stop('host unreachable in graph: could not connect node 3')")), 0L)
  is(length(notes_of("stop('Error writing to connection: said so')")), 0L)
  is(length(notes_of("system('no-such-git git --version')")), 0L)
})

test("advice stays small, whatever was said", {
  is(length(notes_of("warning('No space left'); warning('Read-only file system'); stop('cannot allocate vector')")), 2L)
  is(length(notes_of("for (i in 1:200) warning('No space left ', i)")), 1L)
  notes_of("stop(strrep('there is no package called \"a\\xff', 300))")
  notes_of("stop(strrep('No such file /\\xff/', 500))")
  notes_of("warning(structure(class = c('odd', 'warning', 'condition'), list(message = list(1), call = NULL)))")
})

test("system() and system2() are as they were", {
  is(run(x, "system('exit 3')")$report$value, NULL)
  is(run(x, "cat(system('exit 3'), system('echo a', intern = TRUE), system2('echo', 'b', stdout = TRUE))")$output, "3 a b")
  is(run(x, "system(1)")$report$error$call, "system(1)")
  is(run(x, "cat(deparse(args(system))[1L])")$output, run(x, "cat(deparse(args(base::system))[1L])")$output)
  is(run(x, "system('cat', input = 'given')")$output, "given\n")
})

end_session(x)
finish_tests()
