# The supervisor as process 1 of a PID namespace of its own, with a /tmp of its own: it kills all that it
# can see, and is never to be run elsewhere.
source("harness.R")

unshare <- c("unshare", if (system("id -u", intern = TRUE) != "0") c("--user", "--map-root-user"),
             "--pid", "--fork", "--mount-proc", "--kill-child")
if (system(paste(c(unshare, "mount -t tmpfs none /tmp"), collapse = " "), ignore.stderr = TRUE) != 0L) {
  cat("skipped: no PID namespace can be made here\n")
  quit(status = 77L)
}

# Were it wrong, it would kill all that it can see: that is asked where it can see nothing else.
test("it runs as process 1 alone", {
  not_first <- paste("sh -c", shQuote(read_text(file.path(worker_folder, "supervisor.sh"))), "omcp x 1 1; exit $?")
  is(system2(unshare[1L], c(unshare[-1L], "sh -c", shQuote(not_first)), stdout = FALSE, stderr = FALSE), 70L)
})

# `path`: where R is found first. `clock`: a file that takes the place of /proc/uptime. `groups`: a folder
# that takes the place of /sys/fs/cgroup.
new_sandbox <- function(shell = "sh", idle = 60, lifetime = 600, path = "", clock = "", groups = "") {
  x <- new.env()
  x$home <- tempfile("box-", "/var/tmp")
  x$work <- file.path(x$home, "work")
  dir.create(x$work, recursive = TRUE)
  pipes <- file.path(x$home, c("requests", "control", "transcript"))
  system2("mkfifo", shQuote(pipes))
  writeLines(worker_text(x$work, "/tmp"), file.path(x$home, "worker.R"), sep = "")
  x$requests <- fifo(pipes[1L], "w+b", blocking = TRUE)
  follow(x, x$home)
  x$sequence <- 0L
  x$held <- raw()
  x$text <- raw()
  inner <- paste("mount -t tmpfs none /tmp", if (nzchar(clock)) paste("mount --bind", clock, "/proc/uptime"),
                 if (nzchar(groups)) paste("mount --bind", groups, "/sys/fs/cgroup"),
                 paste("exec", shell, "-c \"$1\" omcp \"$2\"", idle, lifetime), sep = "\n")
  writeLines(c("cd \"$1\" || exit 1", "echo $$ >pid", "supervisor=$(cat \"$2\") worker=$(cat worker.R)",
               "cd work", sprintf("PATH=%s$PATH", path),
               # A shell cannot trap what was ignored when it began.
               paste("exec env --default-signal=INT,QUIT", paste(unshare, collapse = " "), "sh -c", shQuote(inner),
                     "sh \"$supervisor\" \"$worker\" <../requests >../control 2>../transcript")),
             file.path(x$home, "start.sh"))
  reg.finalizer(x, function(x) end_sandbox(x), onexit = TRUE)
  system2("sh", c(file.path(x$home, "start.sh"), x$home, file.path(worker_folder, "supervisor.sh")), wait = FALSE)
  x
}

end_sandbox <- function(x) {
  if (!file.exists(file.path(x$home, "pid"))) return()
  tools::pskill(pid_of(x), 9L)
  close(x$requests)
  unlink(x$home, recursive = TRUE)
}

# Sends process 1 a signal from outside.
signal <- function(x, number) {
  pid <- pid_of(x)
  tools::pskill(as.integer(scan(sprintf("/proc/%d/task/%d/children", pid, pid), quiet = TRUE)), number)
}

begin <- function(x, code) {
  id <- request(x, "r", list(timeout = 60), paste0("cat('begun');", code))
  printed(x, id, "begun")
  id
}

left <- function(x, code) {
  id <- request(x, "r", list(timeout = 60), code)
  from_json(expect(x, "D")$body)
}

expect_any <- function(x) {
  got <- next_message(x)
  if (is.null(got)) stop("no message came")
  got
}

x_mark <- paste0("\002OM2X", kNoId, "\n")

# bash is in this mode when it is called sh.
for (shell in c("dash", "bash --posix", "busybox sh")) {
  if (!nzchar(Sys.which(sub(" .*", "", shell)))) next
  x <- new_sandbox(shell)

  test(paste0(shell, ": R starts, and answers"), {
    is(expect(x, "R", 60)$id, kNoId)
    invisible(greet(x, given = 1))
    is(run(x, "6 * 7")$output, "[1] 42\n")
  })

  test(paste0(shell, ": INT interrupts the code, and is acknowledged"), {
    id <- begin(x, "system('sleep 100'); Sys.sleep(100)")
    # R itself does not heed an interrupt while it waits for system(): the server repeats it.
    for (sent in 1:20) {
      signal(x, 2L)
      # R may be quicker with its report than the supervisor with its word.
      heard <- FALSE
      got <- NULL
      while (!heard || is.null(got)) {
        one <- next_message(x, if (heard) 0.5 else 20)
        if (is.null(one)) break
        if (one$type == "i") heard <- TRUE else got <- one
      }
      stopifnot(heard)
      if (!is.null(got)) break
    }
    is(got$type, "D")
    is(from_json(got$body)$status, "interrupted")
    is(run(x, "cat('whole')")$output, "whole")
  })

  test(paste0(shell, ": USR1 kills R, and the new one reports what the old one had finished"), {
    id <- begin(x, "plot(1); plot(2); cat('made', file = 'made'); cat('drawn'); Sys.sleep(100)")
    printed(x, id, "drawn")
    signal(x, 10L)
    types <- character()
    repeat {
      got <- next_message(x)
      types <- c(types, got$type)
      if (got$type == "x") is(got$body, "137 1")
      if (got$type == "D") {
        is(got$id, id)
        is(from_json(got$body)$status, "crashed")
        is(paths_of(from_json(got$body)), "made")
      }
      if (got$type == "R") break
    }
    # The first page was sent when it had ended, which may be before the signal or after.
    is(types[types != "P"], c("k", "x", "D", "R"))
    has(shown(x), x_mark)
    is(greet(x)$given, TRUE)
  })

  test(paste0(shell, ": processes left behind are told, the sandbox's own are not"), {
    Sys.sleep(6)
    is(left(x, "1")$left_running, NULL)
    report <- left(x, "system('sleep 111 &'); system('env -i sleep 112 &'); Sys.sleep(0.3)")
    is(report$left_running_count, 2)
    is(vapply(report$left_running, `[[`, "", "command"), c("sleep 111", "sleep 112"))
    is(left(x, "1")$left_running_count, 2)
    id <- request(x, "r", list(timeout = 60), "q('no')")
    is(from_json(expect(x, "D")$body)$left_running_count, 2)
    is(expect(x, "x")$body, "0 0")
    expect(x, "R", 60)
    is(left(x, "1")$left_running, NULL)
    is(left(x, "for (i in 1:30) system('sleep 113 &')")$left_running_count, 30)
    request(x, "r", list(timeout = 60), "q('no')")
    is(length(from_json(expect(x, "D")$body)$left_running), 20L)
    expect(x, "x")
    expect(x, "R", 60)
  })

  test(paste0(shell, ": what finalizers print comes before the mark of R's end"), {
    id <- request(x, "r", list(timeout = 60), paste(
      "invisible(reg.finalizer(globalenv(), function(e) cat('finalizer\\n'), onexit = TRUE));",
      ".Last <- function() cat('last\\n'); system('(sleep 1; echo late) &'); q('no', 3)"))
    expect(x, "D")
    is(expect(x, "x")$body, "3 0")
    expect(x, "R", 60)
    Sys.sleep(1.2)
    text <- shown(x, id)
    is(text, paste0("last\nfinalizer\n", x_mark, " "))
  })

  test(paste0(shell, ": nothing that user code can write comes into the next session"), {
    id <- request(x, "r", list(timeout = 60), paste(
      "system('for f in /proc/1/fd/* /proc/self/fd/*; do [ -f $f ] && echo \"cat(1234567)\" >$f; done');",
      "dir.create('/tmp/.omcp'); cat(1, file = '/tmp/.omcp/x'); q('no')"))
    expect(x, "D")
    is(expect(x, "x")$body, "0 0")
    expect(x, "R", 60)
    is(run(x, "cat('clean')")$output, "clean")
    stopifnot(!grepl("1234567", shown(x, id)))
    is(greet(x)$idle, 60)
  })

  test(paste0(shell, ": TERM ends all, with the reason"), {
    signal(x, 15L)
    is(expect(x, "z")$body, "asked")
  })
  end_sandbox(x)
}

test("frames of the supervisor are numbered without a gap, and it is heard while code runs", {
  x <- new_sandbox()
  expect(x, "R", 60)
  request(x, "r", list(timeout = 60), "Sys.sleep(100)")
  numbers <- integer()
  while (length(numbers) < 2L) {
    got <- next_frame(x)
    is(got$type, "t")
    numbers <- c(numbers, got$sequence)
  }
  is(numbers, 1:2)
  end_sandbox(x)
})

test("an unused sandbox ends when it has been idle, and a used one at the end of its life", {
  # R takes longer to start than that here, which is no time in which it is idle.
  folder <- tempfile("path-", "/var/tmp")
  dir.create(folder)
  writeLines(c("#!/bin/sh", "sleep 4", paste("exec", Sys.which("R"), '"$@"')), file.path(folder, "R"))
  Sys.chmod(file.path(folder, "R"), "755")
  x <- new_sandbox(idle = 1, path = paste0(folder, ":"))
  expect(x, "R", 60)
  is(expect(x, "z")$body, "idle")
  end_sandbox(x)
  x <- new_sandbox(lifetime = 8)
  expect(x, "R", 60)
  request(x, "r", list(timeout = 60), "Sys.sleep(100)")
  is(expect(x, "z")$body, "lifetime")
  end_sandbox(x)
})

test("use keeps a sandbox, and code that runs does, beyond the time that it may be idle", {
  x <- new_sandbox(idle = 7)
  expect(x, "R", 60)
  for (i in 1:4) {
    Sys.sleep(3)
    invisible(greet(x))
  }
  is(run(x, "Sys.sleep(10); cat('whole')")$output, "whole")
  is(expect(x, "z")$body, "idle")
  end_sandbox(x)
})

test("the life of a spare begins anew when it is given out, and only once", {
  x <- new_sandbox(lifetime = 9)
  expect(x, "R", 60)
  Sys.sleep(5)
  invisible(greet(x, given = 1))
  given <- Sys.time()
  request(x, "r", list(timeout = 60), "Sys.sleep(100)")
  is(expect(x, "z")$body, "lifetime")
  lived <- as.numeric(difftime(Sys.time(), given, units = "secs"))
  stopifnot(lived > 7, lived < 17)
  end_sandbox(x)
})

test("code that outlives its limit unattended is interrupted, and killed when it does not heed that", {
  x <- new_sandbox()
  expect(x, "R", 60)
  request(x, "r", list(timeout = 1), "Sys.sleep(100)")
  is(from_json(expect(x, "D")$body)$status, "interrupted")
  id <- request(x, "r", list(timeout = 1), "repeat tryCatch(Sys.sleep(100), interrupt = function(e) cat('not heeded\n'))")
  is(expect(x, "x", 60)$body, "137 1")
  is(lengths(gregexpr("not heeded", shown(x, id))), 3L)
  is(from_json(expect(x, "D")$body)$status, "crashed")
  expect(x, "R", 60)
  is(run(x, "cat('alive')")$output, "alive")
  end_sandbox(x)
})

test("what stops the supervisor's sleeper does not stop its clock", {
  x <- new_sandbox(lifetime = 8)
  expect(x, "R", 60)
  begin(x, paste("for (pid in list.files('/proc', '^[0-9]+$'))",
                 "if (identical(try(readLines(file.path('/proc', pid, 'comm')), TRUE), 'sleep'))",
                 "tools::pskill(as.integer(pid), tools::SIGSTOP);",
                 "Sys.sleep(100)"))
  is(expect(x, "z")$body, "lifetime")
  end_sandbox(x)
})

test("a session that has served may end any number of times, and each end is seen at once", {
  x <- new_sandbox()
  expect(x, "R", 60)
  seen <- vapply(1:8, function(i) {
    request(x, "r", list(timeout = 60), "q('no')")
    expect(x, "D")
    quit <- Sys.time()
    is(expect(x, "x")$body, "0 0")
    took <- as.numeric(difftime(Sys.time(), quit, units = "secs"))
    expect(x, "R", 60)
    took
  }, 0)
  # A nap takes five seconds.
  stopifnot(stats::median(seen) < 2)
  signal(x, 1L)
  is(expect(x, "z")$body, "asked")
  end_sandbox(x)
})

test("a place for R's script is found where the code has blocked the first", {
  x <- new_sandbox()
  expect(x, "R", 60)
  request(x, "r", list(timeout = 60), "dir.create('/tmp/.omcp'); system('mount -t tmpfs none /tmp/.omcp'); q('no')")
  expect(x, "D")
  is(expect(x, "x")$body, "0 0")
  expect(x, "R", 60)
  is(run(x, "cat('alive'); cat(file.exists('/tmp/.omcp'))")$output, "aliveTRUE")
  end_sandbox(x)
})

test("a clock that jumps ends nothing", {
  clock <- tempfile("clock-", "/var/tmp")
  writeLines("1000.00 0", clock)
  x <- new_sandbox(idle = 20, clock = clock)
  expect(x, "R", 60)
  for (up in c("9000.00 0", "90000.00 0", "5.00 0")) {
    cat(up, "\n", sep = "", file = clock)
    Sys.sleep(5.5)
  }
  is(run(x, "cat('alive')")$output, "alive")
  for (up in c(11, 17, 23, 29, 35)) {
    cat(up, ".00 0\n", sep = "", file = clock)
    Sys.sleep(5.1)
  }
  is(expect(x, "z")$body, "idle")
  end_sandbox(x)
  unlink(clock)
})

# Code runs for `seconds` while `groups` says what the kernel counts, and each second `missed` more pages
# were read from disk. What came of it: the type and text of the first message but for signs of life.
watched <- function(groups, files, room, missed, seconds) {
  dir.create(dirname(file.path(groups, files[["stat"]])), recursive = TRUE, showWarnings = FALSE)
  put <- function(name, ...) writeLines(c(...), file.path(groups, files[[name]]))
  told <- function(pages) put("stat", paste(files[["cached"]], 90e6 + room), "shmem 90000000", "mapped_file 9",
                              paste("pgmajfault", pages))
  put("limit", "268435456")
  put("used", "268435456")
  told(0)
  x <- new_sandbox(groups = groups)
  expect(x, "R", 60)
  request(x, "r", list(timeout = 60), sprintf("Sys.sleep(%d)", seconds))
  got <- NULL
  for (i in seq_len(4 * seconds)) {
    told(i * missed)
    got <- next_message(x, 1)
    if (!is.null(got)) break
  }
  end_sandbox(x)
  unlink(groups, recursive = TRUE)
  paste(got$type, if (got$type == "x") got$body)
}

test("code that crawls at the limit of memory is killed as the kernel would have", {
  options(scipen = 20)
  new <- c(limit = "memory.max", used = "memory.current", stat = "memory.stat", cached = "file")
  old <- c(limit = "memory/memory.limit_in_bytes", used = "memory/memory.usage_in_bytes",
           stat = "memory/memory.stat", cached = "cache")
  folder <- function() tempfile("groups-", "/var/tmp")
  is(watched(folder(), new, 2e6, 300, 60), "x 137 0")
  is(watched(folder(), old, 2e6, 300, 60), "x 137 0")
  # Little memory is left, but what it needs is there; or much is read, and much is left.
  is(watched(folder(), new, 2e6, 5, 25), "D ")
  is(watched(folder(), new, 60e6, 3000, 25), "D ")
})

test("an R that cannot start is not started for ever", {
  folder <- tempfile("path-", "/var/tmp")
  dir.create(folder)
  writeLines(c("#!/bin/sh", "exit 2"), file.path(folder, "R"))
  Sys.chmod(file.path(folder, "R"), "755")
  x <- new_sandbox(path = paste0(folder, ":"))
  ends <- 0L
  repeat {
    got <- expect_any(x)
    if (got$type == "z") break
    is(got$body, "2 0")
    ends <- ends + 1L
  }
  is(got$body, "broken")
  is(ends, 6L)
  end_sandbox(x)
  unlink(folder, recursive = TRUE)
})

finish_tests()
