# What is told of a run: conditions, values, sizes.
source("harness.R")
x <- ready_session()
invisible(greet(x))

test("an error tells message, call, classes, traceback and place", {
  r <- run(x, "inner <- function(x) stop('no luck with ', x)\nouter_one <- function(x) inner(x)\n\n  outer_one(7)\n1")
  e <- r$report$error
  is(r$report$status, "error")
  is(c(e$message, e$call), c("no luck with 7", "inner(x)"))
  is(unlist(e$class), c("simpleError", "error", "condition"))
  is(unlist(e$traceback)[1:2], c("outer_one(7)", "inner(x)"))
  is(c(e$line, e$column), c(4, 3))
  is(length(e$traceback), 3L)
  has(r$output, "Error in inner(x) : no luck with 7")
})

test("the traceback has the calls of the code alone", {
  is(run(x, "log('a')")$report$error$traceback, list())
  is(run(x, "f <- function() stop(simpleError('c')); f()")$report$error$traceback, list("f()", "stop(simpleError(\"c\"))"))
  is(run(x, "f <- function() log('a'); f()")$report$error$traceback, list("f()"))
})

test("code that does not parse runs nothing and shows where", {
  r <- run(x, "cat('never')\nx <- (1 +\n  2))\n3")
  is(c(r$report$error$line, r$report$error$column), c(3, 5))
  is(unlist(r$report$error$class)[1L], "parseError")
  has(r$output, "unexpected ')'")
  stopifnot(!grepl("never", r$output))
})

test("warnings are told when they happen, and in the report", {
  id <- request(x, "r", list(timeout = 60), "f <- function() { warning('early'); Sys.sleep(1) }; f(); cat('end')")
  got <- expect(x, "W")
  is(from_json(got$body), list(message = "early", call = "f()"))
  stopifnot(!grepl("end", shown(x, id)))
  r <- collect(x, id)
  is(r$report$warnings[[1L]]$message, "early")
  r <- run(x, "suppressWarnings(warning('no')); tryCatch(warning('no'), warning = function(w) 1)")
  is(length(r$warned), 0L)
  r <- run(x, "for (i in 1:5000) warning('number ', i)")
  is(c(length(r$warned), length(r$report$warnings)), c(100L, 100L))
})

test("the user's option for warnings holds for what is told of them", {
  r <- run(x, "options(warn = -1); as.integer('x'); warning('w')")
  is(list(r$output, r$warned, r$report$warnings), list("[1] NA\n", list(), NULL))
  r <- run(x, "options(warn = 2); warning('w')")
  is(list(r$output, r$warned), list("Error: (converted from warning) w\n", list()))
  r <- run(x, "options(warn = 1); warning('w')")
  is(list(r$output, length(r$warned)), list("Warning: w\n", 1L))
  run(x, "options(warn = 0)")
})

test("values are described, and what cannot be is left out", {
  value <- function(code) run(x, code)$report$value
  is(value("42"), list(class = list("numeric"), length = 1, summary = "42"))
  is(value("matrix(1:6, 2)")$dim, list(2, 3))
  is(unlist(value("matrix(1:6, 2)")$class), c("matrix", "array"))
  is(value("x <- 5"), NULL)
  is(value("lm(mpg ~ wt, mtcars)")$class, list("lm"))
  # As packages define methods: those are found from everywhere.
  odd <- "registerS3method('dim', 'odd', function(x) list(width = 1, height = c(2, NA))); print.odd <- function(x, ...) cat('odd\\n')"
  is(run(x, paste0(odd, "; structure(list(1), class = 'odd')"))$report$value,
     list(class = list("odd"), length = 1, summary = "odd [1]"))
  run(x, "registerS3method('dim', 'lazy', function(x) c(NA, 2L)); print.lazy <- function(x, ...) cat('lazy\\n')")
  is(value("structure(list(1, 2), class = 'lazy')")$summary, "lazy [2]")
  run(x, "registerS3method('dim', 'less', function(x) c(-1, 2)); print.less <- function(x, ...) cat('less\\n')")
  is(value("structure(list(1, 2), class = 'less')")$dim, NULL)
  run(x, "for (f in c('length', 'dim')) registerS3method(f, 'evil', function(x) stop('evil')); print.evil <- function(x, ...) cat('e\\n')")
  is(value("structure(list(1), class = 'evil')")$class, list("evil"))
  run(x, "print.many <- function(x, ...) cat('many\\n')")
  is(length(value("structure(list(1), class = c('many', sprintf('c%d', 1:500)))")$class), 100L)
})

test("a data frame is a table, whatever its columns are", {
  table <- function(code) run(x, code)$report$value$table
  t <- table("data.frame(n = c(1.5, NA), s = c('a', '\u00fc\"'), l = c(TRUE, NA), f = factor(c('u', 'v')))")
  is(t$rows, list(list(1.5, "a", TRUE, "u"), list(NULL, "\u00fc\"", NULL, "v")))
  is(c(t$nrow, t$ncol), c(2, 4))
  is(table("mtcars")$truncated, TRUE)
  is(length(table("mtcars")$rows), 10L)
  is(table("mtcars[0, ]")$rows, list())
  is(table("data.frame()")$columns, list())
  is(table("data.frame(m = I(matrix(1:4, 2)), d = Sys.Date() + 0:1)")$nrow, 2)
  is(table("setNames(data.frame(1), NA)")$columns[[1L]]$name, NULL)
  run(x, "registerS3method('[', 'bad', function(x, ...) stop('bad')); print.data.frame <- function(x, ...) cat('shown\\n')")
  t <- table("d <- data.frame(a = 1:2); d$b <- structure(list(1, 2), class = 'bad'); d")
  is(t$rows, list(list(1, NULL), list(2, NULL)))
  run(x, "rm(print.data.frame)")
})

test("strange values and text cost no report", {
  for (code in c("quote(f(x))", "new.env()", "sum", "NULL", "list()", "1i", "as.raw(1:3)", "NaN", "-0.0",
                 "'\\xff'", "'\\x01\\x1f\\\\\\\"'", "I('a')", "structure(list(1), class = 'data.frame')",
                 "as.name('x')", "structure(1, class = c('a', 'b'))", "array(1:8, c(2, 2, 2))",
                 "structure(1, class = '\\xff')", "1e5", "1e300", "data.frame(x = '\\xfe')",
                 "x <- 'a'; Encoding(x) <- 'bytes'; x", "iconv('\\u00fc', 'UTF-8', 'latin1')")) {
    r <- run(x, code)
    stopifnot(r$report$status %in% c("ok", "error"))
  }
  is(run(x, "1e5")$report$value$summary, "1e+05")
  is(run(x, "data.frame(x = iconv('\\u00fc', 'UTF-8', 'latin1'))")$report$value$table$rows, list(list("\u00fc")))
  e <- run(x, "stop('\\xff\\x01 \\xc3\\xbc')")$report$error
  has(e$message, "\001 \xc3\xbc")
  is(run(x, "stop(structure(class = c('mine', 'error', 'condition'), list()))")$report$status, "error")
})

test("long texts are cut at whole characters", {
  e <- run(x, "stop(strrep('\u4e16', 5000))")$report$error
  stopifnot(nchar(e$message, "bytes") <= 8003L, endsWith(e$message, "\u4e16..."))
  is(run(x, "strrep('x', 1000)")$report$value$summary, paste0(strrep("x", 120L), "..."))
})

test("a report is never too large, and says what it lacks", {
  r <- run(x, paste("for (i in 1:2000) cat(i, file = paste0(strrep('n', 200), i));",
                    "for (i in 1:100) warning(strrep('\\001', 1000));",
                    "as.data.frame(matrix(strrep('\\001', 500), 10, 50))"))
  stopifnot(r$bytes <= 240000L)
  has(r$report$notes[[1L]], "table")
  is(r$report$value$table, NULL)
  stopifnot(length(r$report$files) > 100L, length(r$report$files) + r$report$files_left_out == 2000)
  r <- run(x, "f <- function(n) if (n) f(n - 1) else stop(strrep('\\001', 8000)); f(300)")
  stopifnot(r$bytes <= 240000L, nchar(r$report$error$message) > 7000L)
  is(length(r$report$error$traceback), 100L)
})

end_session(x)
finish_tests()
