# What user code does to R must not reach the worker.
source("harness.R")
x <- ready_session()
invisible(greet(x))
alive <- function() is(run(x, "cat('alive')")$output, "alive")
fresh <- function() {
  end_session(x)
  x <<- ready_session()
  invisible(greet(x))
}

test("all connections closed lose nothing", {
  run(x, "p <- file('f', 'w'); closeAllConnections()")
  alive()
  is(run(x, "p <- file('f', 'w'); closeAllConnections(); inherits(try(isOpen(p), TRUE), 'try-error')")$output,
     "[1] TRUE\n")
  run(x, "for (i in 3:30) try(close(getConnection(i)), silent = TRUE)")
  alive()
  r <- run(x, "for (i in 3:30) try(close(getConnection(i)), silent = TRUE); own <- lapply(1:8, function(i) file('mine', 'w')); warning('w')")
  is(r$warned[[1L]]$message, "w")
  alive()
  is(run(x, "file.size('mine'); closeAllConnections()")$output, "[1] 0\n")
})

test("what asks the console for input gets none", {
  has(run(x, "file.choose()")$report$error$message, "file choice cancelled")
  is(run(x, "scan(quiet = TRUE)")$output, "numeric(0)\n")
  is(run(x, "readLines(stdin())")$output, "character(0)\n")
  is(run(x, "close(stdin()); readLines(stdin()); nchar(readline('? '))")$output, "character(0)\n? \n[1] 0\n")
  alive()
})

test("without handlers an error is still an error, and the next call has them again", {
  r <- run(x, "globalCallingHandlers(NULL); f <- function() stop('unseen'); f()")
  is(r$report$status, "error")
  is(r$report$error$message, "unseen")
  r <- run(x, "f <- function() stop('unseen'); f()")
  is(r$report$error$call, "f()")
  r <- run(x, "globalCallingHandlers(NULL); f <- function() stop('unseen'); f()")
  is(r$report$error$message, "unseen")
  is(run(x, "warning('w')")$warned[[1L]]$message, "w")
  run(x, "for (n in getTaskCallbackNames()) removeTaskCallback(n)")
  is(run(x, "7")$report$value$summary, "7")
  is(run(x, "invokeRestart('abort')")$report$error$message, "the code was ended by a jump to the top level")
})

test("an unbalanced sink hides nothing of the next call", {
  r <- run(x, "sink('sunk'); cat('hidden')")
  has(r$report$notes[[1L]], "sink()")
  alive()
  r <- run(x, "sink(textConnection('z', 'w')); sink('sunk'); m <- file('m', 'w'); sink(m, type = 'message')")
  has(r$report$notes[[1L]], "sink()")
  r <- run(x, "cat('seen'); message('too')")
  is(r$output, "seentoo\n")
  is(r$report$notes, NULL)
})

test("the lines that feed the top level are never shown", {
  is(run(x, "options(echo = TRUE); 1")$output, "[1] 1\n")
  is(run(x, "cat(2)")$output, "2")
  is(run(x, "options(echo = TRUE); stop('x')")$output, "Error: x\n")
  is(run(x, "cat(3)")$output, "3")
})

test("options break no report", {
  for (set in c("OutDec = ','", "digits = 1", "scipen = -100", "scipen = 100", "warn = 2", "warn = -1",
                "encoding = 'latin1'", "encoding = 'nonsense'", "stringsAsFactors = TRUE",
                "warning.length = 100", "keep.source = TRUE", "error = NULL", "device = 'pdf'",
                "deparse.max.lines = 1", "showErrorCalls = FALSE")) {
    run(x, sprintf("old <- options(%s)", set))
    r <- run(x, "writeBin(as.raw(1), 'o'); 1.5; data.frame(a = 1234567.5)")
    is(r$report$error$message, NULL)
    is(r$report$value$table$rows, list(list(1234567.5)))
    is(paths_of(r$report), "o")
    r <- run(x, "f <- function() stop('here'); f()")
    is(c(r$report$error$message, r$report$error$call), c("here", "f()"))
    run(x, "options(old); unlink('o')")
  }
})

test("a locale without UTF-8 breaks neither report nor names", {
  run(x, "invisible(Sys.setlocale('LC_ALL', 'C'))")
  put_file(x, "\u00fc.txt", "in")
  r <- run(x, "s <- 'Gr\u00fc\u00dfe'; for (f in list.files()) cat('!', file = f, append = TRUE); warning('\u00fc'); data.frame(s)")
  is(r$report$error$message, NULL)
  is(r$report$value$table$rows, list(list("Gr\u00fc\u00dfe")))
  is(r$report$files[[length(r$report$files)]], list(path = "\u00fc.txt", size = 3))
  is(rawToChar(ask(x, "g", list(offset = 0, max = 9), "\u00fc.txt")), "3\nin!")
  run(x, "stop('\u00fc')")
  suppressWarnings(run(x, "invisible(Sys.setlocale('LC_NUMERIC', 'de_DE.UTF-8'))"))
  is(run(x, "0.5")$report$status, "ok")
  fresh()
})

test("names of ours are out of sight, and removing everything breaks nothing", {
  run(x, "rm(list = ls(all.names = TRUE))")
  is(run(x, "setdiff(ls(all.names = TRUE), '.Random.seed'); sys.nframe(); environment()")$output,
     "character(0)\n[1] 0\n<environment: R_GlobalEnv>\n")
  run(x, "rm(list = ls(all.names = TRUE)); paste0 <- cat <- writeBin <- function(...) stop('mine')")
  is(run(x, "rm(list = ls()); 40 + 2")$output, "[1] 42\n")
})

test("the debugger ends at once", {
  for (code in c("browser()", "f <- function() { browser(); 1 }; f()", "options(error = recover); stop('x')")) {
    run(x, code, limit = 10)
    alive()
  }
  run(x, "options(error = NULL)")
})

test("forked children never speak for the session", {
  is(run(x, "unlist(parallel::mclapply(1:3, function(i) { warning('w'); i^2 }, mc.cores = 2))")$output, "[1] 1 4 9\n")
  run(x, "p <- parallel:::mcfork(); if (inherits(p, 'masterProcess')) { warning('child'); parallel:::mcexit() }")
  r <- run(x, "p <- parallel:::mcfork(); if (inherits(p, 'masterProcess')) { plot(1); quit('no') }; Sys.sleep(0.5)")
  is(length(r$pages), 0L)
  alive()
})

test("an interrupt ends the code, and none reaches the next", {
  for (code in c("repeat {}", "Sys.sleep(100)", "repeat try(Sys.sleep(0.01), silent = TRUE)")) {
    id <- request(x, "r", list(timeout = 60), paste("kept <- 1; cat('so far\\n');", code))
    until <- Sys.time() + 10
    while (!grepl("so far", shown(x, id)) && Sys.time() < until) Sys.sleep(0.02)
    tools::pskill(pid_of(x), 2L)
    is(collect(x, id)$report$status, "interrupted")
    tools::pskill(pid_of(x), 2L)
    is(run(x, "for (i in 1:1e5) {}; cat(kept)")$output, "1")
  }
})

test("very deep recursion is an error", {
  is(run(x, "f <- function() f(); f()")$report$status, "error")
  is(run(x, "options(expressions = 500000); g <- function(n) g(n + 1); g(1)")$report$status, "error")
  run(x, "options(expressions = 5000)")
  alive()
})

end_session(x)
finish_tests()
