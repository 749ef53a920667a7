# Frames both ways, and every request.
source("harness.R")
x <- ready_session()

test("a greeting tells R, the idle timeout and whether the sandbox was given out", {
  hello <- greet(x)
  is(hello$r_version, paste(R.version$major, R.version$minor, sep = "."))
  is(c(hello$executions, hello$idle), c(0, 300))
  is(hello$given, FALSE)
  hello <- greet(x, given = 1, idle = 77)
  is(hello$given, TRUE)
  hello <- greet(x)
  is(hello$given, TRUE)
  is(hello$idle, 77)
  record <- strsplit(readLines(file.path(x$home, "life")), " +")[[1L]]
  is(record[c(1L, 3:6)], c("77", "0", "-", "0", "1"))
  is(file.size(file.path(x$home, "life")), 80)
})

test("the seed that the session tells draws the same numbers again", {
  first <- run(x, "runif(3)")$output
  seed <- from_json(rawToChar(ask(x, "s")))$seed
  is(run(x, sprintf("set.seed(%s); runif(3)", seed))$output, first)
})

test("the life record names the run under way, and how long it may take", {
  r <- run(x, sprintf("cat(readLines('%s'))", file.path(x$home, "life")))
  record <- strsplit(r$output, " +")[[1L]]
  is(record[c(1L, 3:4)], c("77", "60", r$id))
  stopifnot(abs(as.numeric(record[5L]) - as.numeric(Sys.time())) < 20)
  Sys.sleep(0.1)
  is(strsplit(readLines(file.path(x$home, "life")), " +")[[1L]][3:5], c("0", "-", "0"))
})

test("a long message comes in frames of the full size, numbered without a gap", {
  id <- request(x, "r", list(timeout = 60), "warning(strrep('w', 900)); stop(strrep('x', 7900))")
  last <- NULL
  sizes <- integer()
  repeat {
    got <- next_frame(x)
    stopifnot(is.null(last) || got$sequence == last + 1L)
    last <- got$sequence
    if (got$type == "D") sizes <- c(sizes, length(got$payload))
    if (got$type == "D" && !got$more) break
  }
  stopifnot(length(sizes) >= 3L, sizes[-length(sizes)] == 4059L)
})

test("code of many frames arrives whole", {
  code <- paste0("n <- 0\n", strrep("n <- n + 1 # padding of some length\n", 30000), "cat(n)")
  is(run(x, code)$output, "30000")
  is(run(x, "cat(1)\r\ncat(2)\r\n")$output, "12")
  is(run(x, c(charToRaw("cat('a"), raw(1L), charToRaw("b')")))$output, "ab")
  is(run(x, "cat('Gr\u00fc\u00dfe \u4e16')")$output, "Gr\u00fc\u00dfe \u4e16")
})

test("padding, noise and half frames are passed over", {
  whole <- frame("h", new_id(), "\n")
  for (noise in list(rep(as.raw(10L), 4096L), as.raw(sample(0:255, 5000L, TRUE)), as.raw(2L),
                     charToRaw("\002OM2"), charToRaw("\002OM2C"), c(whole[1:20], rep(as.raw(10L), 4096L)),
                     c(frame("r", new_id(), strrep("x", 4000))[1:2000], rep(as.raw(10L), 4096L)),
                     rep(charToRaw("\002OM2"), 300L), rep(as.raw(2L), 3000L))) {
    put(x, c(noise, rep(as.raw(10L), 4096L)))
    is(greet(x)$given, TRUE)
  }
})

test("a frame in the garbage behind a lying header is found", {
  lie <- frame("h", new_id(), raw(3000))[1:36]
  true <- frame("h", "00000000000000aa", "\n")
  put(x, c(lie, true, true, rep(as.raw(10L), 4096L)))
  is(expect(x, "H")$id, "00000000000000aa")
  is(expect(x, "H")$id, "00000000000000aa")
})

test("what is a frame but for one of its bytes is passed over", {
  # Nothing is padded here: each of them is as long as its header says.
  for (at in c(3L, 5L, 6L, 7L, 20L, 36L, 38L)) {
    almost <- frame("r", new_id(), "\n")
    almost[at] <- raw(1L)
    put(x, almost)
    is(greet(x)$given, TRUE)
  }
})

test("a header that lies of more than a frame may hold is not waited for", {
  lie <- frame("h", new_id(), "\n")[1:36]
  lie[32:35] <- charToRaw("ffff")
  put(x, lie)
  is(greet(x)$given, TRUE)
})

test("a half-assembled message is dropped when another comes", {
  put(x, frame("r", new_id(), "timeout 60\n\ncat('never')", more = TRUE))
  id <- new_id()
  put(x, frame("h", id, "\n"))
  is(expect(x, "H")$id, id)
  is(run(x, "cat('next')")$output, "next")
})

test("a message of which a frame was lost runs nothing and says so", {
  id <- new_id()
  put(x, frame("r", id, "timeout 60\n\ncat('never')", more = TRUE, sequence = 7L))
  put(x, frame("r", id, "\ncat('tail')", sequence = 9L))
  is(expect(x, "U")$id, id)
  put(x, frame("r", id, "cat('only the tail')\n\n1", sequence = 11L))
  is(expect(x, "U")$id, id)
  id <- new_id()
  put(x, frame("g", id, "offset 0\n\na"))
  is(expect(x, "F")$id, id)
  put(x, frame("q", id, "\n"))
  is(expect(x, "F")$id, id)
})

test("of many frames that come at once each is looked at", {
  lines <- charToRaw("kept <- kept + 1 # padding of some length until this is a whole frame\n")
  frames <- function(id, flaw = NULL, at = 0L) {
    bytes <- c(charToRaw("timeout 60\n\nkept <- 0\n"), rep(lines, length.out = 30L * 4059L), charToRaw("\ncat('all')"))
    starts <- seq(1L, length(bytes), 4059L)
    unlist(lapply(seq_along(starts), function(i) {
      made <- frame("r", id, bytes[starts[i]:min(starts[i] + 4058L, length(bytes))], more = i < length(starts), sequence = i)
      if (i == at) flaw(made) else made
    }))
  }
  bad <- list(function(f) replace(f, 15L, charToRaw("0")), function(f) replace(f, 4096L, raw(1L)), function(f) replace(f, 3L, raw(1L)),
              function(f) raw(), function(f) c(f, f), function(f) replace(f, 20L, charToRaw("x")), function(f) replace(f, 9L, charToRaw("x")),
              function(f) replace(f, 35L, charToRaw("a")))
  for (flaw in bad) for (at in c(2L, 17L, 18L, 30L)) {
    id <- new_id()
    put(x, frames(id, flaw, at))
    is(expect(x, "U")$id, id)
  }
  # Another message between two frames takes their place, and is answered.
  id <- new_id()
  put(x, frames(id, function(f) c(f, frame("h", "00000000000000ab", "\n")), 9L))
  is(expect(x, "H")$id, "00000000000000ab")
  is(expect(x, "U")$id, id)
  # In two halves, of which the first ends within a frame; and with more behind it.
  id <- new_id()
  whole <- c(frames(id), frame("h", "00000000000000ac", "\n"))
  put(x, whole[1:50000])
  Sys.sleep(0.05)
  put(x, whole[50001:length(whole)])
  is(expect(x, "D")$id, id)
  is(expect(x, "H")$id, "00000000000000ac")
})

test("junk within a message is passed over in the time of its size", {
  lie <- frame("h", new_id(), raw(100))[1:36]
  for (junk in list(rep(charToRaw("\002OM2"), 200000L), rep(lie, 20000L), rep(c(lie, raw(100)), 5000L))) {
    id <- new_id()
    put(x, c(frame("r", id, "timeout 60\n\ncat('never')", more = TRUE), junk, frame("h", "00000000000000ad", "\n"), rep(as.raw(10L), 4096L)))
    is(expect(x, "H")$id, "00000000000000ad")
  }
})

test("a request that lacks a field, or has one that is no count, runs nothing and says so", {
  nul <- charToRaw("timeout 60\n\ncat('never')")
  nul[4L] <- raw(1L)
  for (bad in list("width 400\n\ncat('never')", "timeout -1\n\ncat('never')", "timeout 1e99\n\ncat('never')",
                   "timeout NA\n\ncat('never')", "timeout\n\ncat('never')", nul,
                   paste0("timeout 60\n", strrep("x 1\n", 500L), "\ncat('never')"))) {
    id <- new_id()
    put(x, frame("r", id, bad))
    is(expect(x, "U")$id, id)
  }
  put_file(x, "a", "1")
  has(failure(ask(x, "g", list(offset = 0), "a")), "could not read this request")
  unlink(file.path(x$work, "a"))
  is(run(x, "cat('next')")$output, "next")
})

test("code that is meant for another session does not run in this one", {
  id <- request(x, "r", list(timeout = 60, session = pid_of(x) + 1), "cat('never')")
  is(expect(x, "U")$id, id)
  is(run(x, "cat('meant')", session = pid_of(x))$output, "meant")
})

test("a message that is larger than any may be runs nothing and says so", {
  id <- new_id()
  put(x, frame("r", id, "timeout 60\n\ncat('never')\n", more = TRUE))
  for (i in 2:8268) put(x, frame("r", id, rep(as.raw(10L), 4059L), more = i < 8268L, sequence = i))
  is(expect(x, "U", 60)$id, id)
})

test("reports of the last runs can be collected, and of no others", {
  ids <- vapply(1:9, function(i) run(x, sprintf("%d", i))$id, "")
  request(x, "c", id = ids[9L])
  is(from_json(expect(x, "D")$body)$value$summary, "9")
  request(x, "c", id = ids[2L])
  is(from_json(expect(x, "D")$body)$value$summary, "2")
  request(x, "c", id = ids[1L])
  is(expect(x, "U")$id, ids[1L])
})

test("files are put and read in slices, and listed", {
  bytes <- as.raw((seq_len(600000) * 7919) %/% 8 %% 256)
  name <- "deep/er/\u00fcbung 1.bin"
  for (at in seq(0, 599999, by = 262144)) {
    n <- min(262144, 600000 - at)
    put_file(x, name, bytes[at + seq_len(n)], offset = at, last = as.numeric(at + n == 600000))
  }
  got <- raw()
  repeat {
    part <- ask(x, "g", list(offset = length(got), max = 1e6), name)
    end <- which(part == 10L)[1L]
    is(rawToChar(part[seq_len(end)]), "600000\n")
    if (end == length(part)) break
    stopifnot(length(part) - end <= 262144L)
    got <- c(got, part[-seq_len(end)])
  }
  stopifnot(identical(got, bytes))
  put_file(x, name, "short")
  is(rawToChar(ask(x, "g", list(offset = 0, max = 100), name)), "5\nshort")
  put_file(x, "empty", raw())
  is(rawToChar(ask(x, "g", list(offset = 0, max = 100), "empty")), "0\n")
  listed <- from_json(rawToChar(ask(x, "l", list(max = 10))))
  is(vapply(listed, `[[`, "", "path"), c(name, "empty"))
  is(vapply(listed, `[[`, 0, "size"), c(5, 0))
  is(length(from_json(rawToChar(ask(x, "l", list(max = 1))))), 1L)
  is(run(x, "1")$report$files, NULL)
  unlink(file.path(x$work, c("deep", "empty")), recursive = TRUE)
  is(rawToChar(ask(x, "l", list(max = 10))), "[]")
})

test("a slice that does not go on where the file ends is refused", {
  put_file(x, "a", "123")
  has(failure(put_file(x, "a", "x", offset = 7)), "write it again")
  put_file(x, "a", "45", offset = 3)
  is(readLines(file.path(x$work, "a"), warn = FALSE), "12345")
  unlink(file.path(x$work, "a"))
})

test("nothing leaves the folder", {
  outside <- file.path(x$home, "outside")
  dir.create(outside)
  dir.create(file.path(x$work, "folder"))
  file.symlink(outside, file.path(x$work, "link"))
  file.symlink(file.path(outside, "new"), file.path(x$work, "dangling"))
  file.symlink("/etc/passwd", file.path(x$work, "passwd"))
  system2("mkfifo", shQuote(file.path(x$work, "pipe")))
  for (path in c("../a", "/etc/a", "a/../../b", "a/../b", "./a", "..", ".", "", "a//b", "folder/",
                 "link/a", "link/new/a", "dangling", "passwd", "a\001b", "a\nb")) {
    problem <- failure(put_file(x, path, "evil"))
    stopifnot(nchar(problem) > 20L)
    problem <- failure(ask(x, "g", list(offset = 0, max = 10), path))
    stopifnot(nchar(problem) > 20L)
  }
  has(failure(put_file(x, "folder", "1")), "'folder' is a folder")
  for (path in c("folder", "pipe")) {
    has(failure(ask(x, "g", list(offset = 0, max = 10), path)), "plain files")
  }
  has(failure(ask(x, "g", list(offset = 0, max = 10), "missing")), "There is no file 'missing'")
  is(list.files(outside), character())
  is(rawToChar(ask(x, "l", list(max = 10))), "[]")
  unlink(list.files(x$work, full.names = TRUE), recursive = TRUE)
})

test("a file takes the place of a pipe of its name, which nobody reads", {
  system2("mkfifo", shQuote(file.path(x$work, "pipe")))
  put_file(x, "pipe", "plain")
  is(readLines(file.path(x$work, "pipe"), warn = FALSE), "plain")
  unlink(file.path(x$work, "pipe"))
})

test("the session tells what it is and ran, and forgets the oldest code beyond a megabyte", {
  told <- from_json(rawToChar(ask(x, "s")))
  stopifnot(nzchar(told$platform), nzchar(told$seed), length(told$packages) > 5L)
  has(told$code[[1L]], "cat(1)")
  code <- unlist(told$code)
  is(code[length(code)], "1")
  big <- paste0("# ", strrep("x", 300000))
  for (i in 1:5) run(x, paste0(big, "\n", i))
  told <- from_json(rawToChar(ask(x, "s")))
  kept <- unlist(told$code)
  stopifnot(sum(nchar(kept)) <= 1e6, told$code_dropped > length(code), endsWith(kept[length(kept)], "\n5"))
})

test("the worker is made faster while nobody asks, and before long even if somebody always does", {
  until_fast <- function(x, pause) {
    for (i in 1:200) {
      Sys.sleep(pause)
      # An interrupt at such a time is nobody's.
      if (pause > 0) tools::pskill(pid_of(x), 2L)
      if (run(x, "cat(typeof(.Internal(bodyCode(get('.omcp_next', .BaseNamespaceEnv$.__S3MethodsTable__.)))))")$output == "bytecode") return(i)
    }
    stop("never")
  }
  for (pause in c(3, 0)) {
    y <- ready_session()
    runs <- until_fast(y, pause)
    end_session(y)
    if (pause > 0) stopifnot(runs <= 15L) else stopifnot(runs > 20L)
  }
})

test("being looked at is no use of a session", {
  life <- function() readLines(file.path(x$home, "life"), 1L)
  before <- life()
  greet(x, quiet = 1)
  is(life(), before)
  greet(x)
  stopifnot(life() != before)
})

test("what loading packages beforehand does is nobody's", {
  library <- tempfile("library-")
  dir.create(library)
  packages <- c(aborts = "invokeRestart('abort')", closes = "closeAllConnections(); for (i in 3:20) try(close(getConnection(i)), silent = TRUE)",
                fails = "stop('no')", interrupts = "allowInterrupts({ tools::pskill(Sys.getpid(), 2L); Sys.sleep(5) })",
                leaves = "sink(tempfile()); grDevices::pdf(NULL); RNGkind('Wichmann-Hill'); set.seed(7)")
  for (name in names(packages)) {
    source <- file.path(tempfile("source-"), name)
    dir.create(file.path(source, "R"), recursive = TRUE)
    writeLines(c(paste("Package:", name), "Version: 1.0", "Title: T", "Description: D.", "License: MIT", "Author: A", "Maintainer: A <a@b.c>"),
               file.path(source, "DESCRIPTION"))
    writeLines("", file.path(source, "NAMESPACE"))
    writeLines(sprintf(".onLoad <- function(...) if (nzchar(Sys.getenv('OMCP_TEST_LOADS'))) { %s }", packages[[name]]), file.path(source, "R", "a.R"))
    is(system2(file.path(R.home("bin"), "R"), c("CMD", "INSTALL", "-l", library, source), stdout = FALSE, stderr = FALSE), 0L)
  }
  Sys.setenv(R_LIBS = library, OMCP_TEST_LOADS = "1")
  y <- ready_session()
  Sys.unsetenv(c("R_LIBS", "OMCP_TEST_LOADS"))
  is(rawToChar(ask(y, "n", body = paste(c("stats4", names(packages)), collapse = " "))), "aborts fails interrupts")
  is(run(y, "RNGkind()[1L]; is.null(dev.list()); 'leaves' %in% loadedNamespaces()")$output,
     "[1] \"Mersenne-Twister\"\n[1] TRUE\n[1] TRUE\n")
  end_session(y)
})

test("who comes after all others have gone is answered", {
  close(x$requests)
  # The worker must have seen the end of the pipe. It waits there, and an interrupt does not end that.
  for (i in 1:50) {
    tools::pskill(pid_of(x), 2L)
    Sys.sleep(0.01)
  }
  x$requests <- fifo(file.path(x$home, "requests"), "w+b", blocking = TRUE)
  is(greet(x)$given, TRUE)
})

end_session(x)

test("what was in the pipe before R began is thrown away", {
  x <- new_session()
  request(x, "r", list(timeout = 60), "cat('of another session')")
  is(expect(x, "R", 60)$id, kNoId)
  is(greet(x)$executions, 0)
  end_session(x)
})

test("a file for which there is no room is said, and nothing of it stays", {
  # A limit in the place of a full disk.
  Sys.setenv(WRAP = "env --ignore-signal=XFSZ prlimit --fsize=300000")
  x <- ready_session()
  Sys.unsetenv("WRAP")
  put_file(x, "fits", raw(200000))
  has(failure(put_file(x, "big", raw(400000))), "There is no room for 'big'")
  has(failure(put_file(x, "fits", raw(200000), offset = 200000)), "There is no room for 'fits'")
  is(list.files(x$work), character())
  end_session(x)
})

finish_tests()
