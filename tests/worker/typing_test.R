# What is asked at a console's prompt: whether code is whole, and what completes a line.
source("harness.R")
x <- ready_session()
invisible(greet(x))
whole <- function(code) rawToChar(ask(x, "w", body = code))
words <- function(line) from_json(rawToChar(ask(x, "t", body = line)))

test("code is whole where R would not go on reading", {
  for (code in c("1 + 1", "x y", "}", "1 %in", "\"a\\q\"", "1.5L", "x <- 'Gr\u00fc\u00dfe'", "1; 2", "\\(x) x")) {
    is(whole(code), "1")
    is(whole(paste0(code, "\ncat('next')\nx y\n'open")), "1")
  }
  for (code in c("f <- function(x) {\n x\n}", "# before\n\n1", "f(1, # INCOMPLETE_STRING\n x,\n x y", "'a\n\nb'", "f(\n1,\n'\\q'")) {
    is(whole(code), "3")
    is(whole(paste0(code, "\nf(")), "3")
  }
  for (code in c("f <- function(x) {", "1 +", "'abc", "`abc", "r\"(abc", "x[[", "function(x)", "{ 1\n", "if (TRUE)",
                 "x <- \"Gr\u00fc\u00dfe", "(function() {\n 'a\"\n", "1; f(", "1; f(\n2")) {
    is(whole(code), "more")
  }
  is(rawToChar(ask(x, "w", body = as.raw(c(0x27, 0xff, 0xfe, 0x27, 0x0a, 0x31)))), "1")
  is(whole("1; f(\n2)\n3"), "3")
  for (code in c("", " \n\t", "# only this")) is(whole(code), "nothing")
})

test("that does not depend on the language of messages", {
  run(x, "Sys.setenv(LANGUAGE = 'de')")
  is(whole("1 +"), "more")
  is(whole("x y"), "1")
})

test("a line is completed as R's console does it", {
  run(x, "alpha_one <- 1; alpha_two <- 2; d <- data.frame(height = 1, weight = 2); f <- function(banana, b2) 1")
  is(words("x <- alpha_")$words, list("alpha_one", "alpha_two"))
  is(words("x <- alpha_")$token, "alpha_")
  is(words("d$he")$words, list("d$height"))
  is(words("f(bana")$words, list("banana="))
  is(words("f(1,\n  bana")$words, list("banana="))
  is(words("stats::medi")$words, list("stats::median", "stats::median.default"))
  is(words("zzz")$words, list())
  run(x, "writeLines('', 'data_of_mine.csv')")
  has(unlist(words("read.csv('data_of")$words), "data_of_mine.csv")
  run(x, "for (i in 1:700) assign(sprintf('many_%03d', i), i)")
  found <- words("many_")
  is(c(length(found$words), found$count), c(500, 700))
  run(x, "rm(list = ls())")
})

test("asking is no execution, and leaves nothing", {
  run(x, "a <- 1; set.seed(7); before <- .Random.seed")
  executions <- greet(x)$executions
  words("a")
  whole("a <- 2")
  is(greet(x)$executions, executions)
  is(run(x, "a; identical(before, .Random.seed); ls()")$output, "[1] 1\n[1] TRUE\n[1] \"a\"      \"before\"\n")
  is(unlist(from_json(rawToChar(ask(x, "s")))$code)[greet(x)$executions], "a; identical(before, .Random.seed); ls()")
})

test("what the code has made can neither hold it up nor speak in it", {
  run(x, paste(".DollarNames.slow <- function(x, pattern = '') { cat('noise\\n'); repeat 1 }",
               ".DollarNames.bad <- function(x, pattern = '') { warning('w'); stop('no') }",
               "slow <- structure(list(), class = 'slow'); bad <- structure(list(), class = 'bad')", sep = "\n"))
  is(words("slow$")$words, list())
  is(words("bad$")$words, list())
  r <- run(x, "cat('alive')")
  is(r$output, "alive")
  is(r$report$status, "ok")
})

end_session(x)
finish_tests()
