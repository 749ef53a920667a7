# Pages come back as PNG, in order, once each.
source("harness.R")
x <- ready_session()
invisible(greet(x))
size_of <- function(page) {
  stopifnot(identical(page[2:4], charToRaw("PNG")))
  vapply(c(17L, 21L), function(at) sum(as.integer(page[at + 0:3]) * 256^(3:0)), 0)
}

says <- function(r, what) if (!any(grepl(what, unlist(r$report$notes), fixed = TRUE))) {
  stop("no note has '", what, "': ", paste(unlist(r$report$notes), collapse = "\n"))
}

test("each page is sent once, as it is at the end of the call", {
  r <- run(x, "plot(1:10)")
  is(length(r$pages), 1L)
  is(size_of(r$pages[[1L]]), c(768, 512))
  is(r$report$pages, 1)
  is(length(run(x, "x <- 1")$pages), 0L)
  again <- run(x, "lines(10:1)")
  stopifnot(length(again$pages) == 1L, !identical(again$pages, r$pages))
  is(length(run(x, "plot(10:1)")$pages), 1L)
  is(length(run(x, "for (i in 1:3) plot(i)")$pages), 3L)
  is(length(run(x, "par(mfrow = c(2, 2)); for (i in 1:4) plot(i)")$pages), 1L)
  is(length(run(x, "plot(1); stop('after')")$pages), 1L)
  run(x, "graphics.off()")
})

test("dev.control() takes no page away", {
  r <- run(x, "plot(1:3); dev.control('inhibit'); abline(h = 2)\nplot(3:1)")
  is(list(length(r$pages), r$report$notes), list(2L, NULL))
  r <- run(x, "dev.control('inhibit'); abline(h = 2)")
  is(list(length(r$pages), length(r$report$notes)), list(1L, 1L))
  is(length(run(x, "dev.control('enable'); plot(1)")$pages), 1L)
  # On a device of the code's own it does what it says.
  is(run(x, "png('own.png'); dev.control('enable'); plot(1); is.null(recordPlot()[[1]]); dev.control('inhibit'); is.null(recordPlot()[[1]]); invisible(dev.off())")$output,
     "[1] FALSE\n[1] TRUE\n")
})

test("a page that a later call goes on with and ends is sent as it ended", {
  first <- run(x, "plot(1:3)")$pages
  r <- run(x, "lines(3:1); plot(4)")
  is(length(r$pages), 2L)
  stopifnot(!identical(r$pages[1L], first))
  is(length(run(x, "plot(5)")$pages), 1L)
  run(x, "graphics.off()")
})

test("the size is an argument", {
  is(size_of(run(x, "plot(1)", width = 400, height = 300, res = 72)$pages[[1L]]), c(400, 300))
  is(size_of(run(x, "plot(2)", width = 768, height = 512, res = 96)$pages[[1L]]), c(768, 512))
  # The page under way goes on in the new size.
  r <- run(x, "points(1, 1.2)", width = 400, height = 300, res = 72)
  is(r$report$status, "ok")
  is(size_of(r$pages[[1L]]), c(400, 300))
  run(x, "1", width = 768, height = 512, res = 96)
})

test("pages beyond what may be sent become files", {
  r <- run(x, "for (i in 1:25) plot(i)")
  is(length(r$pages), 20L)
  is(c(r$report$pages, r$report$plots_as_files, length(r$report$files)), c(25, 5, 5))
  says(r, "Written to /sandbox, since one answer cannot hold them: plot-")
  is(paths_of(r$report)[1L], sprintf("plot-%s-21.png", substr(r$id, 1L, 8L)))
})

test("a page too large is drawn again, smaller", {
  r <- run(x, paste("par(mar = rep(0, 4)); plot.new(); plot.window(0:1, 0:1);",
                    "rasterImage(as.raster(matrix(runif(72e4), 1000)), 0, 0, 1, 1, interpolate = FALSE)"),
           width = 1600, height = 1200)
  is(r$report$pages, 1)
  is(length(r$pages), 1L)
  says(r, sprintf("Made smaller to fit in one answer: plot 1 (%s).", paste(size_of(r$pages[[1L]]), collapse = " x ")))
  stopifnot(sum(lengths(r$pages)) <= 525000, size_of(r$pages[[1L]])[1L] < 1600)
})

test("an ended page that is too large is drawn again from its own recording", {
  run(x, "graphics.off()")
  r <- run(x, paste("par(mar = rep(0, 4)); plot.new(); plot.new(); plot.window(0:1, 0:1);",
                    "rasterImage(as.raster(matrix(runif(72e4), 1000)), 0, 0, 1, 1, interpolate = FALSE); plot.new()"),
           width = 1600, height = 1200)
  is(r$report$pages, 3)
  says(r, "Made smaller to fit in one answer: plot 2 (")
  # Noise: the empty pages beside it have less than 10,000 bytes.
  stopifnot(length(r$pages[[2L]]) > 50000L, size_of(r$pages[[2L]])[1L] < 1600)
})

# A page of points of noise, which PNG cannot pack.
noise <- function(points) sprintf(
  "par(mar = rep(0, 4)); plot.new(); plot.window(0:1, 0:1); rasterImage(as.raster(matrix(runif(%.0f), 1000)), 0, 0, 1, 1, interpolate = FALSE)",
  points)

test("all pages of a call together are not more than may be sent", {
  run(x, "graphics.off()")
  r <- run(x, sprintf("for (i in 1:10) { %s }", noise(1e5)), width = 768, height = 512)
  is(r$report$pages, 10)
  stopifnot(sum(lengths(r$pages)) <= 525000, length(r$pages) == 10L)
  says(r, "Made smaller to fit in one answer: plot 1 (")
  run(x, "graphics.off()")
})

test("a page of several figures is drawn again whole", {
  r <- run(x, paste("par(mfrow = c(1, 2)); for (i in 1:2) {", sub("par[^;]*; ", "", noise(72e4)), "};",
                    "for (i in 1:2) plot.new()"), width = 1600, height = 1200)
  is(r$report$pages, 2)
  says(r, "Made smaller to fit in one answer: plot 1 (")
  stopifnot(length(r$pages[[1L]]) > 50000L)
  run(x, "graphics.off()")
})

test("the device that the code has chosen stays so", {
  chosen <- function() run(x, "cat(names(dev.cur()))")$output
  run(x, "plot(1); pdf('mine.pdf')", width = 768, height = 512)
  is(chosen(), "pdf")
  run(x, "invisible(dev.off())")
  is(chosen(), "png")
  run(x, "graphics.off()")
  r <- run(x, paste(noise(72e4), "; pdf('mine.pdf')"), width = 1600, height = 1200)
  says(r, "Made smaller to fit in one answer: plot 1 (")
  is(chosen(), "pdf")
  run(x, "graphics.off(); unlink('mine.pdf')", width = 768, height = 512)
})

test("a page that cannot be drawn costs no report", {
  r <- run(x, "plot(1); unlink(list.files(dirname(tempdir()), '^plots-', full.names = TRUE), recursive = TRUE); plot(2)")
  is(r$report$status, "ok")
  run(x, "graphics.off()")
  is(length(run(x, "plot(3)")$pages), 1L)
})

test("a user's own devices are theirs alone", {
  r <- run(x, "png('mine.png'); plot(1); invisible(dev.off()); pdf('mine.pdf'); plot(2); invisible(dev.off())")
  is(r$report$pages, NULL)
  # The pictures that the code saved, and no page of a device of ours.
  is(r$files, c("mine.png", "mine.pdf"))
  is(r$pages[[1L]], readBin(file.path(x$work, "mine.png"), "raw", 1e6))
  is(paths_of(r$report), c("mine.pdf", "mine.png"))
})

# Seen before: recordings were paired with pages by their place in a list, and shifted by one.
test("after a page too large the next one is shown, and plots go on coming", {
  run(x, "graphics.off()")
  r <- run(x, paste(noise(72e4), "; par(mar = rep(2, 4)); plot(2)"), width = 1600, height = 1200)
  is(names(r$pages), c("1", "2"))
  alone <- run(x, "graphics.off(); par(mar = rep(2, 4)); plot(2)")
  stopifnot(identical(r$pages[["2"]], alone$pages[[1L]]))
  is(length(run(x, "plot(3)")$pages), 1L)
  run(x, "graphics.off()", width = 768, height = 512)
})

test("R's demo of colors has all its pages, and so has the one after it", {
  r <- run(x, "demo('colors', ask = FALSE, echo = FALSE)")
  is(c(r$report$status, r$report$pages), c("ok", 10))
  is(length(r$pages), 10L)
  is(length(run(x, "graphics.off(); plot(1)")$pages), 1L)
  run(x, "graphics.off()")
})

test("a page that nothing recorded and that is too large becomes a file", {
  r <- run(x, paste(noise(72e4), "; p <- recordPlot(); replayPlot(p); replayPlot(p)"), width = 1600, height = 1200)
  is(r$report$pages, 3)
  stopifnot(r$report$plots_as_files >= 1)
  says(r, "Written to /sandbox, since one answer cannot hold them: plot-")
  run(x, "graphics.off()", width = 768, height = 512)
})

test("a page has its place behind the expression that drew on it last", {
  r <- run(x, "cat('a'); plot(1); cat('b')\nlines(1)\ncat('c')\nplot(2)\ncat('d')\nfor (i in 3:4) plot(i)\ncat('e')")
  is(r$placed, "ab[1]c[2]d[3][4]e")
  again <- run(x, "cat('f'); points(1, 4.5)\ncat('g')")
  is(again$placed, "f[1]g")
  says(again, "Plot 1 is the last page of an earlier call, drawn on.")
  run(x, "graphics.off()")
})

test("a page that has ended is sent while the code goes on", {
  id <- request(x, "r", list(timeout = 60), "{ plot(1); plot(2); cat('there'); Sys.sleep(600) }")
  printed(x, id, "there")
  got <- next_message(x)
  is(c(got$type, rawToChar(got$payload[1:5])), c("P", "0001f"))
  tools::pskill(pid_of(x), 2L)
  r <- collect(x, id)
  is(names(r$pages), "2")
  is(r$report$pages, 2)
  run(x, "graphics.off()")
})

if (nzchar(system.file(package = "ggplot2"))) test("a plot of ggplot2's that fails leaves no page", {
  run(x, "library(ggplot2); p <- ggplot(mtcars, aes(wt, mpg)) + geom_point(); bad <- ggplot(mtcars, aes(nope, mpg)) + geom_point()")
  is(length(run(x, "bad")$pages), 0L)
  is(length(run(x, "try(print(bad), silent = TRUE)")$pages), 0L)
  is(length(run(x, "p")$pages), 1L)
  r <- run(x, "for (one in list(p, bad)) print(one)")
  is(c(r$report$status, length(r$pages)), c("error", 1))
  is(length(run(x, "for (i in 1:2) { print(p); stop('after') }")$pages), 1L)
  run(x, "graphics.off()")
})

test("of pages too many to be read in one answer the first ones are shown", {
  r <- run(x, sprintf("for (i in 1:20) { %s }", noise(4e5)), width = 1000, height = 800)
  is(r$report$pages, 20)
  stopifnot(length(r$pages) >= 8L, r$report$plots_as_files == 20L - length(r$pages),
            sum(lengths(r$pages)) <= 525000)
  run(x, "graphics.off(); unlink(list.files(pattern = '^plot-'))", width = 768, height = 512)
})

test("code that clears /tmp can go on drawing", {
  run(x, "plot(1)")
  run(x, "unlink(list.files(dirname(tempdir()), '^plots-', full.names = TRUE), recursive = TRUE)")
  is(length(run(x, "plot(2)")$pages), 1L)
  is(length(run(x, "plot(3)")$pages), 1L)
  run(x, "graphics.off()")
})

end_session(x)
finish_tests()
