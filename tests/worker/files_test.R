# Which files a run has made or changed.
source("harness.R")
x <- ready_session()
invisible(greet(x))
clean <- function() {
  unlink(list.files(x$work, all.files = TRUE, no.. = TRUE, full.names = TRUE), recursive = TRUE)
  invisible(run(x, "1"))
}

test("files made or changed are reported once, with their size", {
  r <- run(x, "cat('abc', file = 'a.txt'); dir.create('d/e', recursive = TRUE); cat('x', file = 'd/e/\u00fc 1.txt')")
  is(r$report$files, list(list(path = "a.txt", size = 3), list(path = "d/e/\u00fc 1.txt", size = 1)))
  is(run(x, "1")$report$files, NULL)
  is(paths_of(run(x, "cat('abcd', file = 'a.txt')")$report), "a.txt")
  is(run(x, "invisible(file.remove('a.txt'))")$report$files, NULL)
  is(paths_of(run(x, "cat('abcd', file = 'd/e/new')")$report), "d/e/new")
  clean()
})

test("names that are no ASCII are listed, be there others or not", {
  is(paths_of(run(x, "cat('x', file = '\u00fc.txt')")$report), "\u00fc.txt")
  r <- run(x, "cat('x', file = '\u4e16.txt'); cat('x', file = '\u00e4.txt')")
  is(paths_of(r$report), c("\u00e4.txt", "\u4e16.txt"))
  listed <- from_json(rawToChar(ask(x, "l", list(max = 10))))
  is(vapply(listed, `[[`, "", "path"), c("\u00e4.txt", "\u00fc.txt", "\u4e16.txt"))
  clean()
})

test("what is added to an old folder is seen, though its date is set back", {
  run(x, "dir.create('d'); cat(1, file = 'd/a')")
  Sys.sleep(0.2)
  run(x, "1")
  r <- run(x, "t <- file.mtime('d'); cat(2, file = 'd/b'); Sys.setFileTime('d', t)")
  is(paths_of(r$report), "d/b")
  clean()
})

test("what a request put there is no result", {
  put_file(x, "in.txt", "given")
  is(run(x, "1")$report$files, NULL)
  put_file(x, "in.txt", "again!")
  is(paths_of(run(x, "cat('mine', file = 'in.txt')")$report), "in.txt")
  clean()
})

test("files that a process makes between two runs are reported by the next one", {
  writeLines("late", file.path(x$work, "late"))
  is(paths_of(run(x, "1")$report), "late")
  clean()
})

test("links, pipes, sockets and folders are no results, and are not waited for", {
  r <- run(x, paste("invisible(file.symlink('/etc/passwd', 'link')); invisible(file.symlink('/usr', 'usr'));",
                    "dir.create('folder'); system('mkfifo pipe; mkfifo -m 444 read-only');",
                    "invisible(file.create('empty')); cat(1, file = 'real')"))
  is(paths_of(r$report), c("empty", "real"))
  clean()
})

test("a file that becomes a link is none any more", {
  run(x, "cat(1, file = 'a')")
  is(run(x, "unlink('a'); invisible(file.symlink('/etc/passwd', 'a'))")$report$files, NULL)
  clean()
})

test("folders that link to themselves end nothing", {
  r <- run(x, "for (n in c('a', 'b', 'c')) file.symlink('.', n); cat(1, file = 'real')", limit = 10)
  is(paths_of(r$report), "real")
  clean()
})

test("names that are no text are counted and not listed", {
  r <- run(x, "system(\"printf x > \\\"$(printf 'a\\\\377b')\\\"; printf x > \\\"$(printf 'c\\\\nd')\\\"; printf x > good\")")
  is(paths_of(r$report), "good")
  is(r$report$files_left_out, 2)
  clean()
})

test("of very many files the newest are listed and the others counted", {
  r <- run(x, "for (i in 1:1100) cat(i, file = sprintf('f%04d', i)); Sys.sleep(0.02); for (i in 1:5) cat(i, file = sprintf('z%d', i))")
  is(length(r$report$files), 1000L)
  is(r$report$files_left_out, 105)
  is(paths_of(r$report)[996:1000], sprintf("z%d", 1:5))
  clean()
})

test("many empty files take no process each", {
  r <- NULL
  took <- function(code) system.time(r <<- run(x, code))[[3L]]
  full <- took("for (f in sprintf('f%04d', 1:900)) cat('1', file = f)")
  is(length(r$report$files), 900L)
  clean()
  empty <- took("invisible(file.create(sprintf('e%04d', 1:900)))")
  is(length(r$report$files), 900L)
  cat(sprintf("      full %.2f s, empty %.2f s\n", full, empty))
  stopifnot(empty < 4 * full)  # a shell for each would make it twenty times as long
  clean()
})

test("a folder of 65,000 files costs little, whether it has changed or not", {
  run(x, "system('seq -f %05g 65000 | xargs touch')")
  quiet <- min(vapply(1:3, function(i) system.time(run(x, "1"))[[3L]], 0))
  changed <- min(vapply(1:3, function(i) system.time(run(x, sprintf("cat(1, file = 'new%d')", i)))[[3L]], 0))
  cat(sprintf("      unchanged %.2f s, changed %.2f s\n", quiet, changed))
  stopifnot(quiet < 2, changed < 4)
  clean()
})

end_session(x)
finish_tests()
