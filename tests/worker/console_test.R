# What would need somebody before a console: help, editors, the debugger, a browser, lines to read.
source("harness.R")
x <- ready_session()
invisible(greet(x))
output <- function(code) run(x, code)$output
lacks <- function(text, unwanted) if (grepl(unwanted, text, fixed = TRUE)) stop("'", text, "' has '", unwanted, "'")
alive <- function() is(output("cat('alive', sys.nframe())"), "alive 0")

# ---- lines below the code that reads them --------------------------------------------------------

test("what reads the console gets the lines below, as in a script of R's", {
  code <- c("x <- scan()", "1 2", "3", "", "x", "y <- scan(n = 2)", "4 5 6", "y; z <- scan(n = 2); z",
            "7", "8", "readLines(stdin(), n = 2)", "this is no R (", "  } nor this",
            "d <- read.csv(stdin())", "a,b", "1,2", "", "d", "con <- stdin()", "readLines(con, 1)", "cat('lost')",
            "for (i in 1:2) print(readLines(stdin(), 1)) # twice", "l1 \u00fc", "l2",
            "f <- function() scan(what = '', sep = ',', nlines = 1, quiet = TRUE)", "f()", "a,b c",
            "scan('', quiet = TRUE)", "  1", "   ", "parse(text = '1 + 1')", "readLines(n = 1)", "last")
  path <- file.path(x$home, "script.R")
  writeLines(code, path, useBytes = TRUE)
  wanted <- suppressWarnings(system2("Rscript", shQuote(path), stdout = TRUE, stderr = TRUE))
  got <- run(x, paste(code, collapse = "\n"))
  is(got$report$status, "ok")
  is(strsplit(got$output, "\n")[[1L]], enc2utf8(wanted))
})

test("code that does not parse runs only as far as it reads lines", {
  r <- run(x, "cat('never'); scan(text = '1')\nx x")
  is(r$output, "Error: 2:3: unexpected symbol\n1: cat('never'); scan(text = '1')\n2: x x\n     ^\n")
  r <- run(x, "y <- readLines(stdin(), 1)\na (\ny\ncat('more'); b b")
  is(c(r$report$error$line, r$report$error$column), c(4, 16))
  r <- run(x, "y <- readLines(stdin(), 1)\na (\ny\nstop('here')")
  is(r$output, "[1] \"a (\"\nError: here\n")
  is(c(r$report$error$line, r$report$error$column), c(4, 1))
  r <- run(x, "scan()\n1\n) (")
  has(r$report$error$message, "expected 'a real'")
  alive()
})

test("lines that were not read reach no later call", {
  run(x, "con <- stdin(); stop('x')\nkept\n")
  is(output("readLines(con)"), "character(0)\n")
  is(output("1\nclose(stdin())\n2"), "[1] 1\n[1] 2\n")
  is(output("readLines(stdin())\n1\n2"), "[1] \"1\" \"2\"\n")
  is(output("x <- 5\nfor (i in 1:3) x <- x + scan(n = 1, quiet = TRUE)\n1\n2 2\n3\nx"), "[1] 11\n")
  alive()
})

test("what the code does to the connection costs no more than its lines", {
  is(output("con <- stdin(); close(con)\n1\nreadLines(con, 1)\n2\n3"), "[1] 1\n[1] \"2\"\n[1] 3\n")
  is(output("closeAllConnections(); readLines(stdin(), 1)\na (\n2"), "[1] \"a (\"\n[1] 2\n")
  is(output("invisible(parallel::mclapply(1:2, function(i) readLines(stdin(), 1)))\n5"), "[1] 5\n")
  r <- run(x, "invisible(Sys.setlocale('LC_ALL', 'C'))\nnchar(readLines(stdin(), 1), 'bytes')\n\u00fc\u00fc (\ninvisible(Sys.setlocale('LC_ALL', 'C.UTF-8'))\n6")
  is(r$output, "[1] 6\n[1] 6\n")
  alive()
})

# Seen: source() of the script ended at the numbers, or took what stood in them for code.
test("lines that code has read are comments in the session's script", {
  code <- function() from_json(rawToChar(ask(x, "s")))$code
  run(x, "x <- scan()\n1 2 3\n\nsum(x)")
  all <- unlist(code())
  is(all[length(all)], "x <- scan()\n# 1 2 3\n# \nsum(x)")
  run(x, "y <- readLines(stdin(), 1)\nsystem('x')\nstop('z')")
  all <- unlist(code())
  is(all[length(all) - 1:0], c("y <- readLines(stdin(), 1)\n# system('x')", "stop('z')"))
})

test("what failed is told apart from what ran before it in the same call", {
  pieces <- function(code) {
    before <- length(from_json(rawToChar(ask(x, "s")))$code)
    run(x, code)
    told <- from_json(rawToChar(ask(x, "s")))
    new <- seq_along(told$code) > before
    list(unlist(told$code[new]), unlist(told$failed[new]))
  }
  is(pieces("a <- 1; f\u00fc <- 2; stop('x')\nb <- 2"),
     list(c("a <- 1; f\u00fc <- 2;", "stop('x')\nb <- 2"), c(FALSE, TRUE)))
  is(pieces("# first\na <- 1\n\n  stop('x') # so\nb <- 2"),
     list(c("# first\na <- 1", "stop('x') # so\nb <- 2"), c(FALSE, TRUE)))
  is(pieces("stop('x')\n1"), list("stop('x')\n1", TRUE))
  is(pieces("{ a <- 1\nstop('x') }"), list("{ a <- 1\nstop('x') }", TRUE))
  is(pieces("#line 7 \"f.R\"\na <- 1\nstop('x')"),
     list(c("#line 7 \"f.R\"\na <- 1", "stop('x')"), c(FALSE, TRUE)))
  is(pieces("readLines(stdin(), 1)\na (\nstop('x')"), list(c("readLines(stdin(), 1)\n# a (", "stop('x')"), c(FALSE, TRUE)))
  is(pieces("try(stop('x'))"), list("try(stop('x'))", FALSE))
  is(pieces("x <- (1"), list(NULL, NULL))
})

# ---- warnings --------------------------------------------------------------------------------------

test("the parser's warnings come where Rscript has them", {
  warning <- "Warning message:\nnon-integer value 100000000000L qualified with L; using numeric value \n"
  r <- run(x, "1\nb <- 100000000000L\n{ cat('in\\n'); b }")
  is(r$output, paste0("[1] 1\n", warning, "in\n[1] 1e+11\n"))
  is(r$report$warnings, list(list(message = substr(warning, 18L, nchar(warning) - 2L), call = NULL)))
  is(run(x, "options(warn = -1)\n1.5L")$output, "[1] 1.5\n")
  is(output("options(warn = 1)\n1.5L"), "Warning: integer literal 1.5L contains decimal; using numeric value\n[1] 1.5\n")
  run(x, "options(warn = 0)")
})

test("a device of the user's is used", {
  r <- run(x, "options(device = 'pdf'); plot(1); invisible(dev.off())")
  is(list(r$report$pages, paths_of(r$report)), list(NULL, "Rplots.pdf"))
  r <- run(x, "options(device = function() pdf('own.pdf')); plot(1); invisible(dev.off())")
  is(list(r$report$pages, paths_of(r$report)), list(NULL, "own.pdf"))
})

test("what does not parse is seen though messages were diverted", {
  r <- run(x, "m <- file('m', 'w'); sink(m, type = 'message'); readLines(stdin(), 1)\na (\n)")
  has(r$output, "Error: 3:1: unexpected ')'")
  alive()
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

# ---- what R's top level tells and keeps --------------------------------------------------------------

test("callbacks are told of the code's own expressions", {
  run(x, "tell <- function(expr, value, ok, visible, data) { cat(data, deparse(expr), value, ok, visible, '\\n'); TRUE }")
  is(output("invisible(addTaskCallback(tell, 'told', 'mine'))\n1 + 1\ninvisible(3)"),
     paste0("told invisible(addTaskCallback(tell, \"told\", \"mine\")) 1 TRUE FALSE \n[1] 2\n",
            "told 1 + 1 2 TRUE TRUE \ntold invisible(3) 3 TRUE FALSE \n"))
  is(output("getTaskCallbackNames()\nremoveTaskCallback(1)\n1"), paste0("[1] \"mine\"\ntold getTaskCallbackNames() mine TRUE TRUE \n[1] TRUE\n[1] 1\n"))
  is(output("addTaskCallback(function(...) { print(sys.call()); FALSE })\nremoveTaskCallback(1)"),
     "1 \n1 \ncb(expr, value, succeeded, visible)\n[1] FALSE\n")
  # What is kept of them, and what they were given, is what it was.
  is(output("local({ d <- 'first'; addTaskCallback(function(expr, value, ok, visible, data) { cat(data, '\\n'); FALSE }, d); d <- 'second'; invisible() })"), "first \n")
  is(output("l <- list(); invisible(addTaskCallback(function(expr, ...) { l[[1]] <<- function() expr; FALSE }))\nl[[1]]()[[1]]"),
     "invisible\n")
  # R goes on when an interrupt ends a callback: here it ends the code.
  id <- request(x, "r", list(timeout = 60), "invisible(addTaskCallback(function(...) repeat {}))\ncat('never')")
  Sys.sleep(0.5)
  tools::pskill(pid_of(x), 2L)
  r <- collect(x, id, 10)
  is(c(r$report$status, trimws(r$output)), c("interrupted", ""))
  is(output("h <- taskCallbackManager(); invisible(h$register('all'))\nn <- h$add(function(expr, ...) { print(expr); TRUE })\n3 + 3"),
     "n <- h$add(function(expr, ...) {\n    print(expr)\n    TRUE\n})\n[1] 6\n3 + 3\n")
  run(x, "removeTaskCallback('all')")
})

test("options(keep.source) holds for the lines that follow", {
  is(output("f <- function(a)   { a }\nf\noptions(keep.source = TRUE)\nf <- function(a)   { a }\nf"),
     "function (a) \n{\n    a\n}\nfunction(a)   { a }\n")
  is(output("g <- function()  2\ng\noptions(keep.source = FALSE)\ng <- function()  2\ng"),
     "function()  2\nfunction () \n2\n")
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

test("the debugger ends where the search path is not seen from", {
  for (code in c("e <- new.env(parent = baseenv()); eval(quote(browser()), e)",
                 "f <- function(a) a + 1; environment(f) <- baseenv(); debug(f); f(1)",
                 "f <- function(a, b = repeat {}) { browser(); a }; f(1)")) {
    has(run(x, code, limit = 10)$report$error$message, "the R debugger needs a console")
  }
  # What stands in the place of a function of R's goes on.
  for (code in c("debugonce(View); View(1)", "debug(stdin)\nx <- readLines(stdin(), 1)\nline\nundebug(stdin)")) {
    is(run(x, code, limit = 10)$report$status, "ok")
  }
  alive()
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
