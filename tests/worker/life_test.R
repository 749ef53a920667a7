# What is reported when R ends: by the code, or by death.
source("harness.R")

life_of <- function(x) {
  bytes <- readBin(file.path(x$home, "life"), "raw", 80L)
  bytes[bytes != 0]
}

quit_by <- function(code) {
  x <- ready_session()
  invisible(greet(x))
  run(x, "cat(1, file = 'before')")
  r <- run(x, code)
  is(next_frame(x, 1), NULL)
  r$left <- list.files(x$temp, "^plots-")
  r$all <- shown(x)
  r$record <- strsplit(readLines(file.path(x$home, "life")), " +")[[1L]]
  end_session(x)
  r
}

test("quit() loses nothing that the call has made, and its output has no end", {
  r <- quit_by(paste("reg.finalizer(globalenv(), function(e) cat('finalizer\\n'), onexit = TRUE);",
                     "plot(1); plot(2); warning('w'); cat(2, file = 'made'); cat('bye\\n'); q('no', 3); cat('never')"))
  is(r$report$status, "quit")
  is(length(r$pages), 2L)
  is(c(r$report$pages, length(r$warned), length(r$report$warnings)), c(2, 1, 1))
  is(paths_of(r$report), "made")
  has(r$output, "bye\n")
  stopifnot(!grepl(paste0("\002OM2E", r$id), r$all, fixed = TRUE), !grepl("never", r$output))
  is(r$left, character())
  is(r$record[4:5], c("-", "0"))
})

test("a quit is reported though the code has closed every connection", {
  is(quit_by("for (i in 3:30) try(close(getConnection(i)), silent = TRUE); q('no')")$report$status, "quit")
})

test("files that were there when R began are no result", {
  x <- ready_session()
  run(x, "cat(1, file = 'before')")
  end_session(x)
  y <- ready_session(home = x$home)
  is(run(y, "1")$report$files, NULL)
  is(paths_of(run(y, "cat(2, file = 'after')")$report), "after")
  end_session(y)
})

# Kills R in the middle of `code` and starts it anew, as the supervisor does.
die_in <- function(code, signal = 9L) {
  x <- ready_session()
  invisible(greet(x, given = 1))
  run(x, "cat(1, file = 'before'); plot(0)")
  Sys.sleep(0.1)
  id <- request(x, "r", list(timeout = 60), paste0(code, "; cat('now'); Sys.sleep(60)"))
  printed(x, id, "now")
  early <- list(pages = list(), sent = character())
  while (!is.null(got <- next_message(x, 0.2))) if (got$type == "P") early <- take_page(early, got$payload)
  record <- strsplit(readLines(file.path(x$home, "life")), " +")[[1L]]
  end_session(x)
  Sys.sleep(0.3)
  y <- new_session(life = sprintf("%s 0 0 %s %s %s", record[1L], record[4L], record[5L], record[6L]), home = x$home)
  r <- collect(y, id)
  r$early <- early$sent
  r$ready <- expect(y, "R")
  r$hello <- greet(y)
  request(y, "c", id = id)
  r$again <- from_json(expect(y, "D")$body)
  r$left <- list.files(y$temp, "^plots-")
  r$record <- strsplit(readLines(file.path(y$home, "life")), " +")[[1L]]
  end_session(y)
  r
}

test("after a death the new R reports what the old one had finished, and only that", {
  # Sent while it is open, a page of two seconds would be: this one is too large.
  noise <- "par(mar = rep(0, 4)); plot.new(); Sys.sleep(2.1); rasterImage(as.raster(matrix(rgb(runif(4e5), runif(4e5), runif(4e5)), 800)), 0, 0, 1, 1, interpolate = FALSE)"
  r <- die_in(paste("plot(1); plot(2);", noise, "; plot(3); cat('made', file = 'made')"))
  is(r$report$status, "crashed")
  # The page of the call before was shown then, the first two were sent when they had ended, the noise is
  # too large for that, and the last one was not finished.
  is(grep("f$", r$early, value = TRUE), c("1f", "2f"))
  is(length(r$pages), 0L)
  is(c(r$report$pages, r$report$plots_as_files), c(1, 1))
  is(paths_of(r$report)[1L], "made")
  is(r$again$pages, 1)
  is(r$hello$given, TRUE)
  is(r$hello$executions, 0)
  is(r$left, character())
  is(r$record[4:6], c("-", "0", "1"))
})

test("half a page and a forged one are no pages", {
  r <- die_in(paste("dir.create(e <- '../temp/plots-evil'); writeLines('no', file.path(e, '00001.png'));",
                    "file.symlink('/etc/passwd', file.path(e, '00002.png')); dir.create('own');",
                    "png('own/00001.png'); plot(1); invisible(dev.off()); here <- normalizePath('own');",
                    "writeBin(readBin('own/00001.png', 'raw', 1000L), file.path(e, '00004.png'));",
                    "file.symlink(file.path(here, '00001.png'), file.path(e, '00003.png')); file.symlink(here, '../temp/plots-link')"))
  is(r$report$status, "crashed")
  is(length(r$pages), 0L)
})

test("a record that makes no sense costs nothing", {
  for (life in list("", "x y z", "300 0 0 0123456789abcde? 5 0", as.raw(c(0:9, 255:100)), raw(),
                    "300 0 0 ../../etc/passwd 0 0", "300 0 0 0123456789abcdef x 0")) {
    y <- new_session(life = life)
    if (grepl("abcdef x", rawToChar(life_of(y)), useBytes = TRUE)) {
      is(from_json(expect(y, "D")$body)$status, "crashed")
    }
    is(expect(y, "R", 60)$id, kNoId)
    invisible(greet(y, idle = 5))
    end_session(y)
  }
})

finish_tests()
