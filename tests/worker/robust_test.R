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
  # As R's own: what was diverted comes back at once.
  r <- run(x, "sink('sunk'); m <- file('m', 'w'); sink(m, type = 'message'); closeAllConnections(); cat('out'); message('put')")
  is(r$output, "output\n")
  is(r$report$notes, NULL)
})

test("where code has closed the descriptor of requests, it is opened anew", {
  for (i in 1:25) alive() # after which the worker no longer glances at it first
  run(x, paste("own <- list.files('/proc/self/fd'); at <- Sys.readlink(file.path('/proc/self/fd', own))",
               "for (i in setdiff(own[at == at[own == '4']], '4')) parallel:::closeFD(as.integer(i))", sep = "\n"))
  alive()
  alive()
})

test("requests that may not be waited for are waited for", {
  run(x, paste("system2('perl', c('-MFcntl', '-e', shQuote('for (3..30) { my $l = readlink(\"/proc/self/fd/$_\");",
               "next if $l ne readlink(\"/proc/self/fd/4\"); open(my $h, \"<&=\", $_);",
               "fcntl($h, F_SETFL, fcntl($h, F_GETFL, 0) | O_NONBLOCK) }')))"))
  # Processor time that waiting takes, in ticks of 10 ms.
  used <- function() sum(as.numeric(strsplit(sub(".*[)] ", "", readLines(sprintf("/proc/%d/stat", pid_of(x)))), " ")[[1L]][12:13]))
  alive()
  before <- used()
  Sys.sleep(1)
  stopifnot(used() - before < 30)
  alive()
})

test("every connection may be taken", {
  fresh()
  r <- run(x, paste("for (i in 3:127) try(close(getConnection(i)), silent = TRUE)\n",
                    "all <- list(); repeat { one <- try(file('taken', 'w'), silent = TRUE)\n",
                    "if (inherits(one, 'try-error')) break; all <- c(all, list(one)) }; length(all) > 100"))
  is(r$output, "[1] TRUE\n")
  alive()
  run(x, "closeAllConnections()")
  alive()
})

# Methods that are found from everywhere, for what the worker looks at.
set_methods <- function(body) {
  run(x, sprintf("for (f in c('dim', 'length')) registerS3method(f, 'evil', function(x) { if (sys.nframe() > 1L) %s; 1L })", body))
}

test("what is detached, or cleared, takes nothing of ours away", {
  run(x, "kept <- 1")
  is(run(x, "for (p in search()[-1]) try(detach(p, character.only = TRUE), silent = TRUE)\nsearch()", limit = 10)$output,
     "[1] \".GlobalEnv\"   \"Autoloads\"    \"package:base\"\n")
  is(run(x, "for (p in c('methods', 'datasets', 'utils', 'grDevices', 'graphics', 'stats')) library(p, character.only = TRUE)\nkept")$output, "[1] 1\n")
  is(run(x, "rm(list = ls('Autoloads', all.names = TRUE), pos = 'Autoloads')\ndetach('Autoloads')\nkept", limit = 10)$output, "[1] 1\n")
  alive()
})

test("what unwinds a step of the worker costs no session", {
  run(x, "kept <- 1")
  kept <- function() is(run(x, "cat(kept)")$output, "1")
  for (evil in c("invokeRestart('abort')", "allowInterrupts({ tools::pskill(Sys.getpid(), 2L); Sys.sleep(5) })",
                 "stop('evil')")) {
    set_methods(evil)
    r <- run(x, "print.evil <- function(x, ...) cat('shown')\nstructure(list(1), class = 'evil')", limit = 10)
    is(c(r$report$status, r$output), c("ok", "shown"))
    kept()
    # Pages that went out before it are not counted, or told of, again.
    r <- run(x, "plot(1)\nplot(2)\nstructure(list(1), class = 'evil')", limit = 10)
    is(list(r$report$status, length(r$pages), r$report$pages, length(r$report$notes) < 2L), list("ok", 2L, 2, TRUE))
  }
  # A jump out of a step's very first expressions.
  run(x, paste("desk <- .BaseNamespaceEnv$.__S3MethodsTable__.; step <- get('.omcp_next', desk)\n",
               "assign('.omcp_next', function() { assign('.omcp_next', step, desk); invokeRestart('abort') }, desk)"), limit = 10)
  kept()
  # The report that could not be sent is sent again; what a method has left on is off at the next call.
  run(x, "print.evil <- function(x, ...) cat('shown')")
  for (evil in c("for (i in 3:20) try(close(getConnection(i)), silent = TRUE)", "sink(tempfile())",
                 "{ options(error = NULL, echo = TRUE); invokeRestart('abort') }")) {
    set_methods(evil)
    is(run(x, "structure(list(1), class = 'evil')", limit = 10)$report$status, "ok")
    kept()
  }
  set_methods("NULL")
  # Nothing of the code had run when it was found that a finalizer had closed the connections.
  run(x, "e <- new.env(); reg.finalizer(e, function(e) for (i in 3:20) try(close(getConnection(i)), silent = TRUE)); rm(e)\nassign('mark', 1)")
  for (i in 1:3) is(run(x, "cat('ran'); invisible(gc())")$output, "ran")
  is(run(x, "options(expressions = 25)\n1 + 1", limit = 10)$output, "[1] 2\n")
  is(run(x, "getOption('expressions')", limit = 10)$output, "[1] 25\n")
  run(x, "options(expressions = 5000)")
  set_methods("invokeRestart('abort')")
  is(run(x, "print.evil <- function(x, ...) cat('shown\\n'); structure(list(), class = 'evil'); compiler::enableJIT(-1)")$output,
     "shown\n[1] 3\n")
  is(run(x, "compiler::enableJIT(-1)")$output, "[1] 3\n")
  # A step that waits is none of the code's, whose limits go on to hold for it.
  run(x, "setTimeLimit(elapsed = 2)")
  Sys.sleep(2.5)
  kept()
  has(run(x, "repeat {}", limit = 10)$report$error$message, "elapsed time limit")
  run(x, "setTimeLimit()\nsetSessionTimeLimit(elapsed = 2)")
  Sys.sleep(2.5)
  kept()
  run(x, "setSessionTimeLimit()")
  kept()
})

test("an R that cannot compile goes on", {
  for (code in c("utils::assignInNamespace('cmpfun', function(...) stop('no'), 'compiler')",
                 "utils::assignInNamespace('cmpfun', function(...) 7, 'compiler')",
                 "utils::assignInNamespace('cmpfun', function(...) invokeRestart('abort'), 'compiler')",
                 "options(expressions = 100)")) {
    fresh()
    run(x, paste("kept <- 1;", code))
    # From the 20th on each compiles one.
    for (i in 1:25) is(run(x, "cat(kept)", limit = 10)$output, "1")
  }
  fresh()
})

test("what a first plot needs is compiled and tried before it, and nothing of that is seen", {
  fresh()
  drawn <- function() any(grepl("cairo", readLines(sprintf("/proc/%d/maps", pid_of(x)))))
  stopifnot(!drawn())
  until <- Sys.time() + 60
  while (!drawn() && Sys.time() < until) Sys.sleep(0.05)
  ask(x, "k") # is answered when that is done
  stopifnot(drawn())
  r <- run(x, "worker <- environment(.BaseNamespaceEnv$.__S3MethodsTable__.$.omcp_next)
    compiled <- function(f) typeof(.Internal(bodyCode(f))) == 'bytecode'
    for (name in with(worker, c(kHot, kLater))) if (!compiled(get(name, worker))) cat(name, '')
    print(dev.list()); print(ls()); list.files(dirname(tempdir()), '^(page|plots)-')")
  is(r$output, "NULL\n[1] \"compiled\" \"name\"     \"worker\"  \ncharacter(0)\n")
  is(r$report$pages, NULL)
  is(shown(x, r$id), r$output)
})

test("what asks the console for input gets none", {
  for (place in c("/sandbox", "/data")) has(run(x, "file.choose()")$report$error$message, place)
  is(run(x, "scan(quiet = TRUE)")$output, "numeric(0)\n")
  is(run(x, "readLines(stdin())")$output, "character(0)\n")
  is(run(x, "close(stdin()); readLines(stdin()); nchar(readline('? '))")$output, "character(0)\n? \n[1] 0\n")
  has(run(x, "menu(c('a', 'b'))")$report$error$message, "non-interactively")
  has(run(x, "select.list(c('a', 'b'))")$report$error$message, "non-interactively")
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
  # Handlers of the code's own come before ours, and do not hide that ours are there.
  is(run(x, "globalCallingHandlers(error = function(e) NULL); invokeRestart('abort')")$report$error$message,
     "the code was ended by a jump to the top level")
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

test("an error is seen though messages were diverted", {
  r <- run(x, "m <- file('m', 'w'); sink(m, type = 'message'); f <- function() stop('lost'); f()")
  is(r$output, "Error in f() : lost\n")
  has(r$report$notes[[1L]], "sink()")
  is(run(x, "m <- file('m', 'w'); sink(m, type = 'message'); message('no error')")$output, "")
  is(run(x, "message('seen')")$output, "seen\n")
})

test("the lines that feed the top level are never shown", {
  is(run(x, "options(echo = TRUE); 1")$output, "[1] 1\n")
  is(run(x, "cat(2)")$output, "2")
  is(run(x, "options(echo = TRUE); stop('x')")$output, "Error: x\n")
  is(run(x, "cat(3)")$output, "3")
  is(run(x, "{ options(echo = TRUE); stop('y') }")$output, "Error: y\n")
  is(run(x, "cat(4)")$output, "4")
  id <- request(x, "r", list(timeout = 60), "{ options(echo = TRUE); cat('begun\\n'); Sys.sleep(100) }")
  printed(x, id, "begun")
  tools::pskill(pid_of(x), 2L)
  r <- collect(x, id)
  is(r$report$status, "interrupted")
  stopifnot(!grepl("omcp", r$output, fixed = TRUE))
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
  fresh()
})

test("a decimal comma of the locale comes into no number", {
  # Few machines have such a locale, and many can make it.
  made <- part_of(system2("localedef", c("-i", "de_DE", "-f", "UTF-8", shQuote(file.path(x$home, "de_DE.UTF-8"))),
                          stdout = FALSE, stderr = FALSE))
  r <- run(x, sprintf("Sys.setenv(LOCPATH = '%s'); suppressWarnings(Sys.setlocale('LC_NUMERIC', 'de_DE.UTF-8'))", x$home))
  if (identical(made, 0L)) is(r$report$value$summary, "de_DE.UTF-8")
  r <- run(x, "cat(strsplit(readLines('../life'), ' ')[[1L]][5L]); data.frame(a = 0.5)")
  stopifnot(grepl("^[0-9]+[.][0-9]{6}", r$output), r$report$seconds < 10)
  is(r$report$value$table$rows, list(list(0.5)))
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
    r <- run(x, code, limit = 10)
    if (grepl("f()", code, fixed = TRUE)) has(r$report$error$message, "the R debugger needs a console")
    # Nothing of the call that was stopped may still be on the stack.
    is(run(x, "cat(sys.nframe())")$output, "0")
  }
  run(x, "options(error = NULL)")
})

test("what code has marked for the debugger is none of the worker's", {
  fresh()
  run(x, "kept <- 1")
  kept <- function() is(run(x, "cat(kept)", limit = 10)$output, "1")
  for (marked in c("tryCatch", "paste0", "sprintf", "suppressWarnings", "Sys.getpid", "identical", "isFALSE",
                   "options", "sys.nframe", "parent.frame", "vapply", "suspendInterrupts", "getAllConnections")) {
    # As a whole it is marked for good, or for one call that may be one of ours.
    is(run(x, sprintf("debug(%s)\n1 + 1", marked), limit = 10)$report$status, "ok")
    kept()
    r <- run(x, sprintf("if (!isdebugged(%1$s)) stop('no longer')\nundebug(%1$s)", marked), limit = 10)
    is(list(r$report$status, r$report$error$message), list("ok", NULL))
    for (code in c("debugonce(%s)", "debugonce(%s); plot(1)", "debugonce(%s); View(1)", "debugonce(%s)\nstructure(list(1), class = 'own')")) {
      r <- run(x, sprintf(code, marked), limit = 20)
      # R's own plots call some of these.
      if (r$report$status != "ok") has(r$report$error$message, "It was: paste0(\"L\", idx)")
      kept()
      kept()
    }
  }
  for (code in c("browser()", "{ browser(); f <- function(n) { browser(); n }; f(1) }")) {
    set_methods(code)
    is(run(x, "print.evil <- function(x, ...) cat('shown')\nstructure(list(1), class = 'evil')", limit = 10)$report$status, "ok")
    kept()
  }
  fresh()
  is(run(x, "kept <- 1\ntrace(sprintf, quote(stop('traced')), print = FALSE)\ninvisible()", limit = 10)$report$status, "ok")
  kept()
  has(run(x, "sprintf('a')", limit = 10)$report$error$message, "traced")
  has(run(x, "untrace(sprintf)\ntracingState(FALSE)", limit = 10)$output, "[1] TRUE\n")
  is(run(x, "tracingState(TRUE)", limit = 10)$output, "[1] FALSE\n")
  # In the code itself it is as it was.
  has(run(x, "debug(paste0)\npaste0('a')\ncat('never')", limit = 10)$report$error$message, "undebug(paste0)")
  is(run(x, "paste0('a')")$output, "[1] \"a\"\n")
  fresh()
})

test("what code has marked is none of the handlers' and hooks'", {
  fresh()
  run(x, "debug(vapply); debug(suspendInterrupts); debug(dirname); debug(utils::tail); trace(getOption, quote(cat('traced')), print = FALSE)")
  for (code in c("warning('w')", "f <- function() stop('e'); f()", "frame(); frame()", "dir.create('new'); warning('w')")) {
    output <- run(x, code, limit = 10)$output
    if (grepl("debugging|Internal|traced", output)) stop(code, " shows ", output)
  }
  has(run(x, "dirname('a/b')", limit = 10)$report$error$message, "undebug(dirname)")
  fresh()
})

test("the lowest limit of expressions leaves room for a warning's report", {
  fresh()
  run(x, "options(expressions = 25)")
  r <- run(x, "{ warning('w'); 1 }", limit = 10)
  is(list(r$report$status, r$output), list("ok", "[1] 1\nWarning message:\nw \n"))
  fresh()
})

test("a name of ours that code has taken costs nothing", {
  fresh()
  is(run(x, ".omcp_value <- 7\n1 + 1", limit = 10)$output, "[1] 2\n")
  run(x, "invisible(attach(list(.omcp_value. = 8)))\nmakeActiveBinding('.omcp_value', function() stop('mine'), globalenv())", limit = 10)
  is(run(x, "quote(a)\ninvisible(3)\nls(all.names = TRUE)[1]", limit = 10)$output, "a\n[1] \".omcp_value\"\n")
  # Where it stands may be locked, or have a function in its place.
  for (code in c("lockBinding('.omcp_value..', as.environment('Autoloads'))", "lockEnvironment(as.environment('Autoloads'), TRUE)",
                 "makeActiveBinding('.omcp_value', function(...) stop('mine'), as.environment(length(search()) - 1L))",
                 "lockEnvironment(as.environment('Autoloads'))\nassign('.omcp_value.....', 1)")) {
    run(x, code, limit = 10)
    is(run(x, "3 + 3", limit = 10)$output, "[1] 6\n")
  }
  has(run(x, "invisible(addTaskCallback(function(expr, ...) { print(expr); TRUE }))\n2 + 2")$output, "[1] 4\n2 + 2\n")
  fresh()
})

test("forked children never speak for the session", {
  is(run(x, "unlist(parallel::mclapply(1:3, function(i) { warning('w'); i^2 }, mc.cores = 2))")$output, "[1] 1 4 9\n")
  # In one expression: behind that a child does not come.
  fork <- function(child, parent = "") {
    run(x, sprintf("{ p <- parallel:::mcfork(); if (inherits(p, 'masterProcess')) { %s }; Sys.sleep(0.5) }\n%s", child, parent))
  }
  is(length(fork("warning('child'); tools::pskill(Sys.getpid(), 9L)")$warned), 0L)
  is(length(fork("plot(1); quit('no')")$pages), 0L)
  # A page that a fork began had the name of the parent's next one.
  r <- run(x, "plot(1:3); p <- parallel::mclapply(1:2, function(i) { plot(i); plot(i + 1) }); points(2, 2); plot(9)")
  is(list(length(r$pages), r$report$notes), list(2L, NULL))
  # One that falls to the top level must not read on in its parent's place.
  r <- fork("cat('child ')", "if (inherits(p, 'childProcess')) cat('parent') else cat('never')")
  is(r$output, "child parent")
  alive()
})

test("a child that ends as R does leaves the session's record alone", {
  r <- run(x, paste("before <- readLines('../life');",
                    "{ p <- parallel:::mcfork(); if (inherits(p, 'masterProcess')) quit('no'); Sys.sleep(0.5) };",
                    "identical(readLines('../life'), before)"))
  is(r$output, "[1] TRUE\n")
})

test("an interrupt ends the code, and none reaches the next", {
  for (code in c("repeat {}", "Sys.sleep(100)", "repeat try(Sys.sleep(0.01), silent = TRUE)")) {
    id <- request(x, "r", list(timeout = 60), paste("kept <- 1; cat('so far\\n');", code))
    printed(x, id, "so far")
    tools::pskill(pid_of(x), 2L)
    is(collect(x, id)$report$status, "interrupted")
    tools::pskill(pid_of(x), 2L)
    is(run(x, "for (i in 1:1e5) {}; cat(kept)")$output, "1")
  }
  # One that the code outlived does not explain an error that comes later.
  id <- request(x, "r", list(timeout = 60), "withRestarts({ cat('so far\\n'); Sys.sleep(100) }, abort = function() cat('caught\\n'))\nstop('mine')")
  printed(x, id, "so far")
  tools::pskill(pid_of(x), 2L)
  r <- collect(x, id)
  has(r$output, "caught")
  is(c(r$report$status, r$report$error$message), c("error", "mine"))
})

test("the empty name is a value as any other", {
  run(x, "kept <- 1")
  for (code in c("formals(function(a) 1)$a", "x <- alist(a = )$a", "quote(expr = )")) {
    r <- run(x, paste0(code, "\ncat('on')"))
    is(r$report$status, "ok")
    is(sub("^\n", "", r$output), "on")
  }
  is(run(x, "cat(kept); quote(a)\n.Last.value")$output, "1a\na\n")
})

# When one strikes there R jumps to its top level, and only our handler has seen it.
test("an interrupt behind the end of an expression ends the run", {
  r <- run(x, paste("table <- .BaseNamespaceEnv[['.__S3MethodsTable__.']]; ours <- table$.omcp_done",
                    "{table$.omcp_done <- function() {ours(); environment(ours)$on_interrupt(NULL)}; cat('so far')}",
                    "cat('lost')", sep = "\n"))
  is(c(r$report$status, r$output), c("interrupted", "so far"))
  is(run(x, "table$.omcp_done <- ours\ncat('on')")$output, "on")
  alive()
})

test("an interrupt ends code of many short expressions", {
  id <- request(x, "r", list(timeout = 60), paste(c("kept <- 1; cat('so far\\n')", rep("y <- 1", 60000L)), collapse = "\n"))
  printed(x, id, "so far")
  for (i in 1:20) tools::pskill(pid_of(x), 2L)
  is(collect(x, id)$report$status, "interrupted")
  is(run(x, "cat(kept)")$output, "1")
})

test("very deep recursion is an error", {
  is(run(x, "f <- function() f(); f()")$report$status, "error")
  is(run(x, "options(expressions = 500000); g <- function(n) g(n + 1); g(1)")$report$status, "error")
  # No handler of ours runs then that could set what the code has taken away.
  r <- run(x, "options(error = NULL)\ng(1)")
  is(r$report$status, "error")
  has(r$report$error$message, "stack")
  # The same words as before are an error anew.
  for (i in 1:2) has(run(x, "g(1)")$report$error$message, "stack")
  run(x, "options(expressions = 5000)")
  alive()
})

end_session(x)
finish_tests()
