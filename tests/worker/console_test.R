# What would need somebody before a console: help, editors, the debugger, a browser, lines to read.
source("harness.R")
x <- ready_session()
invisible(greet(x))
output <- function(code) run(x, code)$output
lacks <- function(text, unwanted) if (grepl(unwanted, text, fixed = TRUE)) stop("'", text, "' has '", unwanted, "'")
alive <- function() is(output("cat('alive', sys.nframe())"), "alive 0")

test("a device of the user's is used", {
  r <- run(x, "options(device = 'pdf'); plot(1); invisible(dev.off())")
  is(list(length(r$pages), paths_of(r$report)), list(0L, "Rplots.pdf"))
  r <- run(x, "options(device = function() pdf('own.pdf')); plot(1); invisible(dev.off())")
  is(list(length(r$pages), paths_of(r$report)), list(0L, "own.pdf"))
})

# ---- help, editors, viewers, browsers --------------------------------------------------------------

test("help is plain text", {
  for (code in c("?mean", "help('mean')", "help(mean, package = 'base')")) {
    text <- output(code)
    has(text, "\nArithmetic Mean\n")
    lacks(text, "\b")
  }
  has(output("?zzz_none"), "No documentation for")
  has(output("help.search('zzznone')"), "No vignettes or demos or help files found")
  has(output("data(package = 'datasets')"), "mtcars")
  has(output("demo(package = 'stats')"), "Demos in package")
  has(output("writeLines('shown', 't.txt'); file.show('t.txt', header = 'Head')"), "Head\n\nshown\n")
  is(length(grep("shown", output("x <- capture.output(file.show('t.txt')); x"))), 1L)
  has(output("file.show('none.txt')"), "Cannot open file 'none.txt'")
  has(output("structure(list(Topic = 'v', PDF = 'v.pdf', File = 'v.Rnw', Dir = R.home()), class = 'vignette')"), "Vignette")
})

test("what an editor or viewer would show begins as text", {
  r <- run(x, "d <- data.frame(a = 1:300); View(d); identical(edit(d), d); fix(d); View(list(1)); View(1:3)")
  is(r$report$status, "ok")
  has(r$output, "20 20\n(View() has no window here: these are the first 20 of 300 rows.)")
  lacks(r$output, "21 21")
  has(r$output, "[1] TRUE")
  has(r$output, "Nothing was changed, there is no editor here")
  r <- run(x, "a <- 1:3; identical(de(a)[[1L]], a); data.entry(a); a; file.edit('t.txt')")
  is(r$report$status, "ok")
  has(r$output, "there is no data editor here")
  has(r$output, "[1] TRUE")
  has(r$output, "[1] 1 2 3")
})

test("what needs a browser says what to do instead", {
  r <- run(x, "browseURL('http://127.0.0.1/'); help.start(); cat('on')")
  has(r$output, "Not opened: http://127.0.0.1/")
  has(r$output, "/sandbox")
  has(r$output, "on")
  # As packages that come later: a function of each stands in for what waits.
  for (package in c("shiny", "httpuv", "rstudioapi")) {
    waits <- c(shiny = "runApp", httpuv = "runServer", rstudioapi = "verifyAvailable")[[package]]
    run(x, sprintf("dir.create('%1$s/R', recursive = TRUE); writeLines(c('Package: %1$s', 'Version: 1.0', 'Title: T', 'Description: D.', 'License: none', 'Author: A', 'Maintainer: A <a@b.c>'), '%1$s/DESCRIPTION'); writeLines('export(%2$s, show)', '%1$s/NAMESPACE'); writeLines(c('%2$s <- function(...) Sys.sleep(100)', 'show <- function() %2$s()'), '%1$s/R/a.R'); dir.create('lib', FALSE); install.packages('%1$s', 'lib', repos = NULL, type = 'source', INSTALL_opts = c('--no-test-load', '--no-help', '--no-byte-compile'))", package, waits))
    for (code in sprintf(c("library(%1$s, lib.loc = 'lib'); %2$s()", "%1$s::show()"), package, waits)) {
      has(run(x, code, limit = 10)$report$error$message, "/sandbox")
    }
  }
})

# ---- the debugger ----------------------------------------------------------------------------------

test("the debugger is one error that shows the frame, and leaves nothing behind", {
  r <- run(x, "f <- function(a, b = stop('no')) { z <- a * 2; browser(); z }; f(1:10)\ncat('never')")
  message <- r$report$error$message
  for (part in c("the R debugger needs a console", "f(1:10)", "a: integer [10]", "z: numeric [10]")) has(message, part)
  has(r$output, paste0("Error: ", message))
  lacks(r$output, "never")
  alive()
  for (code in c("browser()", "for (i in 1) browser()", "local({ q <- 7; browser() })")) {
    has(run(x, code)$report$error$message, "the R debugger needs a console")
    alive()
  }
  r <- run(x, "f <- function() { for (i in 1:100) assign(paste0('v', i), strrep('x', 1000)); browser() }; f()")
  has(r$report$error$message, "and 71 more")
  stopifnot(nchar(r$report$error$message) < 6000L)
})

test("a function marked by debug() fails once", {
  r <- run(x, "f <- function(a) a + 1; debug(f); f(1)")
  has(r$report$error$message, "undebug(f)")
  is(output("f(1)"), "[1] 2\n")
  r <- run(x, "debugonce(f); f(1)")
  is(r$report$status, "error")
  is(output("f(1)"), "[1] 2\n")
  for (call in c("sapply(1, l[[1]])", "do.call(l[[1]], list(1))", "l[[1]](1)", "print(structure(1, class = 'own'))")) {
    run(x, "l <- list(function(a) a + 1); print.own <- function(x, ...) cat(2); debug(l[[1]]); debug(print.own)")
    has(run(x, call)$report$error$message, "undebug(")
    is(run(x, call)$report$status, "ok")
  }
})

test("recover keeps frames, and debugger() says how to see them", {
  r <- run(x, "options(error = recover); f <- function() { v <- 3; stop('x') }; f()", limit = 10)
  is(r$report$error$message, "x")
  has(run(x, "debugger()", limit = 10)$report$error$message, "ls.str(last.dump[[1]])")
  run(x, "options(error = NULL)")
  alive()
})

end_session(x)
finish_tests()
