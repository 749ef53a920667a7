# ---- plots ---------------------------------------------------------------------------------------

kMaxPages <- 20L         # shown of one run; what is beyond becomes files
kImageBytes <- 525000L   # of all that are shown: in base64 that leaves a third of a line of 1,000,000
kEarlyBytes <- 1200000L  # of pages sent before their run ends
kLeastBytes <- 35000L    # that a page is given: one with less would be too small to read
kDrawSeconds <- 15       # for drawing pages again at the end of a run
kShown <- "shown.png"    # in a device's folder: the page under way as it was last shown
kSent <- "sent-"         # begins the name of a page that has been sent
s$device <- list(width = 768L, height = 512L, res = 96L)
s$folders <- character()     # of our graphics devices' pages
s$under_way <- list()        # the page that each of them draws on, by folder
s$snapshot <- get0("C_getSnapshot", asNamespace("grDevices"))

# The value of options(device): what opens when code draws and no device is open.
open_device <- before_body(function(...) new_device(), kUnmark)

new_device <- function() {
  folder <- tempfile("plots-", kTemp)
  if (!dir.create(folder, showWarnings = FALSE)) {
    stop("no plot can be drawn, since /tmp is full: remove files there, then draw again", call. = FALSE)
  }
  s$folders <- c(s$folders, folder)
  grDevices::png(file.path(folder, "%05d.png"), width = s$device$width, height = s$device$height,
                 res = s$device$res, type = "cairo")
  kControl("enable")
}

# A page of which no recording is kept could not be shown before it ends, and switching it on forgets what
# was kept. Neither changes anything of what is drawn on a file, as R has it without us.
kControl <- grDevices::dev.control
keep_recording <- function() {
  replace_in("grDevices", "dev.control", function(displaylist = c("inhibit", "enable")) {
    displaylist <- match.arg(displaylist)
    if (grDevices::dev.cur() == 1L) stop("dev.control() called without an open graphics device")
    if (!length(own_device())) kControl(displaylist)
    invisible()
  })
}

# Our devices that are open: their numbers, named by their folder.
our_devices <- function() {
  if (!length(s$folders)) return(integer())
  open <- get(".Devices", baseenv())
  paths <- vapply(open, function(d) {
    path <- attr(d, "filepath")
    if (is.null(path)) "" else dirname(path)
  }, "")
  ours <- which(paths %in% s$folders)
  structure(ours, names = paths[ours])
}

# The current device with its folder, where it is one of ours.
own_device <- function() {
  open <- our_devices()
  open[open == grDevices::dev.cur()]
}

# `work`, with a device as the current one.
on_device <- function(device, work) {
  before <- grDevices::dev.cur()
  on.exit(if (before > 1L && grDevices::dev.cur() != before) grDevices::dev.set(before))
  if (before != device) grDevices::dev.set(device)
  work
}

# How many operations the page under way has of a device's list of them. Also after each expression, so
# not by recordPlot(), which takes ten times as long.
drawn_on <- function(device) on_device(device, {
  drawing <- if (is.null(s$snapshot)) grDevices::recordPlot() else .External2(s$snapshot)
  length(drawing[[1L]])
})

page_path <- function(folder, index) file.path(folder, sprintf("%05d.png", index))
read_page <- function(path) if (file.exists(path)) readBin(path, "raw", file.size(path)) else raw()

# A page: `index` of its device; `number` in the run that draws on it, from 1, and NA in one that does
# not; `drawn`, its operations when it was last looked at; `shown`, its picture at the end of an earlier
# run; `recording`, kept when it ended.
new_page <- function(folder, index) {
  page <- new.env(parent = emptyenv())
  page$folder <- folder
  page$index <- index
  page$path <- page_path(folder, index)
  page$number <- NA_integer_
  page$drawn <- 0L
  page$of_ggplot <- page$failed <- page$ended <- page$sent <- FALSE
  s$under_way[[folder]] <- page
}

# What a run draws on is one of its pages, and has its place behind what the expression prints.
touch <- function(run, page) {
  if (is.na(page$number)) {
    run$pages <- c(run$pages, page)
    page$number <- length(run$pages)
    if (!is.null(page$shown)) run$notes <- c(run$notes, sprintf(
      "Plot %d is the last page of an earlier call, drawn on.", page$number))
  }
  run$touched <- c(run$touched, page$number)
}

# Looks at what has been drawn since the last look. The device makes a page's file, still empty, when the
# page begins, and writes it when the page ends.
look_at_pages <- function(run, within = FALSE) {
  open <- our_devices()
  for (folder in s$folders) {
    page <- s$under_way[[folder]]
    closed <- is.na(open[folder])
    # Code that makes room in /tmp takes the folder away, and the device could not go on.
    if (!closed && !file.exists(folder)) dir.create(folder, showWarnings = FALSE)
    repeat {
      index <- if (is.null(page)) 1L else page$index + 1L
      begun <- file.exists(page_path(folder, index))
      if (!is.null(page) && (begun || closed)) end_page(run, page)
      if (!begun) break
      page <- new_page(folder, index)
    }
    if (closed) {
      s$under_way[[folder]] <- NULL
      s$folders <- setdiff(s$folders, folder)
      run$folders <- c(run$folders, folder)
    } else if (!is.null(page) && !within) {
      see_drawn(run, page, drawn_on(open[folder]), open[folder])
    }
  }
}

# ggplot2 begins a page, and finds out then that it cannot draw all of it: two operations begin a page
# of its. Not every operation can be seen: par() is one. That matters where a page has been shown already,
# and one that ends is compared then.
see_drawn <- function(run, page, drawn, device = NULL) {
  changed <- drawn != page$drawn
  page$drawn <- drawn
  page$failed <- page$of_ggplot && (drawn %in% 1:2 || (changed && isTRUE(run$error$of_ggplot)))
  if (!changed || page$failed) return()
  if (is.na(page$number) && !is.null(page$shown)) {
    if (is.null(device) || identical(render(device, page), page$shown)) return()
  }
  touch(run, page)
}

end_page <- function(run, page) {
  if (page$ended) return()
  page$ended <- TRUE
  bytes <- if (!page$failed) read_page(page$path)
  page$lost <- !is_png(bytes)
  known <- !is.null(page$shown) && (page$lost || identical(bytes, page$shown))
  if (page$failed || (known && is.na(page$number))) return(unlink(page$path))
  if (is.na(page$number)) touch(run, page)
  page$size <- length(bytes)
  if (!page$lost && page$number <= kMaxPages && run$early + page$size <= kEarlyBytes &&
      page$size <= kImageBytes) {
    run$early <- run$early + page$size
    send_page(run, page, bytes, "f")
    page$sent <- TRUE
    path <- file.path(page$folder, sprintf("%s%04d.png", kSent, page$number))
    if (file.rename(page$path, path)) page$path <- path
  }
}

# As a message: the number, f for a page as it is at its end or at the end of its run, o for one that may
# be drawn on, the picture; without a picture the page is not to be shown.
send_page <- function(run, page, bytes, state) {
  send("P", run$id, c(charToRaw(sprintf("%04x%s", page$number, state)), bytes))
}

# After each expression. What is never shown needs no place.
place_pages <- function(run) {
  look_at_pages(run)
  for (number in unique(run$touched)) if (number <= kMaxPages) {
    mark("P", sprintf("%s%04x", substr(run$id, 1L, 12L), number))
  }
  if (length(run$touched)) show_early(run)
  run$touched <- integer()
}

# In a run that lasts, what it draws on is sent for who looks in: each time later, since it takes time.
show_early <- function(run) {
  now <- proc.time()[[3L]]
  at_end <- run$index >= length(run$expressions)
  if (at_end || now < run$started + run$next_early) return()
  run$next_early <- 2 * (now - run$started)
  open <- our_devices()
  for (page in s$under_way) if (page$number %in% run$touched && page$number <= kMaxPages) {
    bytes <- render(open[page$folder], page)
    if (is_png(bytes) && length(bytes) <= kImageBytes) {
      send_page(run, page, bytes, "o")
      page$seen <- TRUE
    } else {
      unlink(file.path(page$folder, kShown))
    }
  }
}

# Hooks before each new page and after it began. The one keeps the recording of the page that ends, in
# case that it has to be drawn again; par("page") says whether the next plot begins a page or the next
# figure of one. The other sends what has ended.
before_page <- before_body(function(...) suppressWarnings(part(keep_page())), kUnmark)
after_page <- before_body(function(...) suppressWarnings(part(note_page())), kUnmark)

keep_page <- function() {
  run <- s$run
  device <- own_device()
  # A fork's pages would come among its parent's, in files of the same names.
  if (Sys.getpid() != s$pid && length(device)) {
    grDevices::pdf(NULL)
    return()
  }
  if (!is.null(run) && length(device) && isTRUE(graphics::par("page"))) {
    page <- s$under_way[[names(device)]]
    if (!is.null(page)) {
      see_drawn(run, page, drawn_on(device))
      if (length(run$pages) <= kMaxPages) page$recording <- grDevices::recordPlot()
    }
  }
}

note_page <- function() {
  run <- s$run
  device <- own_device()
  if (!is.null(run) && Sys.getpid() == s$pid && length(device)) {
    suspendInterrupts(look_at_pages(run, within = TRUE))
    page <- s$under_way[[names(device)]]
    if (!is.null(page) && page$drawn == 0L) page$of_ggplot <- within_ggplot()
  }
}

# Whether a function of ggplot2's is among those that run.
within_ggplot <- function() {
  if (is.null(.getNamespace("ggplot2"))) return(FALSE)
  for (i in seq_len(sys.nframe())) {
    if (identical(environmentName(topenv(environment(sys.function(i)))), "ggplot2")) return(TRUE)
  }
  FALSE
}

# The page under way, without ending it: replayed on a device of its own.
render <- function(device, page) on_device(device, {
  path <- file.path(page$folder, kShown)
  size <- grDevices::dev.size("px")
  unlink(path)
  # Also where an interrupt ends it: the copy's device is to go.
  tryCatch(grDevices::dev.copy(grDevices::png, filename = path, width = size[1L], height = size[2L],
                               res = s$device$res, type = "cairo"),
           finally = if (grDevices::dev.cur() != device) grDevices::dev.off())
  read_page(path)
})

# The PNG that `draw` makes on a device of its own.
drawn_as_png <- function(width, height, res, draw) {
  path <- tempfile("page-", kTemp, ".png")
  on.exit(unlink(path))
  before <- grDevices::dev.cur()
  grDevices::png(path, width = width, height = height, res = res, type = "cairo")
  own <- grDevices::dev.cur()
  tryCatch(draw, finally = {
    grDevices::dev.off(own)
    if (before > 1L) grDevices::dev.set(before)
  })
  read_page(path)
}

# How many bytes one page may have so that all together have no more than `room`: what small ones leave
# goes to the large ones.
fair_share <- function(sizes, room) {
  sizes <- sort(sizes)
  left <- length(sizes)
  for (size in sizes) {
    if (size * left > room) return(room %/% left)
    room <- room - size
    left <- left - 1L
  }
  Inf
}

# At the end of a run: what is still to be sent, and what does not fit beside the others in a smaller
# size, or as a file.
report_plots <- function(run) {
  keep_alive(kReportSeconds)
  open <- our_devices()
  run$draw_until <- proc.time()[[3L]] + kDrawSeconds
  # Where this was unwound, those that have gone out then have no number any more.
  pages <- Filter(function(page) !is.na(page$number), run$pages)
  for (page in pages) if (!page$ended) {
    bytes <- render(open[page$folder], page)
    page$size <- length(bytes)
    page$lost <- !is_png(bytes)
    page$shown <- if (!page$lost) bytes
  }
  # As many as there are, or as can be read.
  first <- utils::head(Filter(function(page) !page$lost, pages), kMaxPages)
  sizes <- vapply(first, function(page) page$size, 0L)
  most <- length(sizes)
  while ((share <- fair_share(sizes[seq_len(most)], kImageBytes)) < kLeastBytes) most <- most - 1L
  last <- if (most > 0L) first[[most]]$number else 0L
  smaller <- files <- lost <- character()
  for (page in pages) {
    said <- NULL
    if (page$lost) {
      if (!isTRUE(page$seen)) lost <- c(lost, sprintf("plot %d", page$number))
    } else if (page$number > last || page$size > share) {
      said <- if (page$number <= last) part(send_smaller(run, page, share))
      if (is.null(said)) {
        file <- part(keep_as_file(run, page))
        if (is.null(file)) lost <- c(lost, sprintf("plot %d", page$number)) else files <- c(files, file)
        if (page$sent) send_page(run, page, raw(), "f")
      }
      smaller <- c(smaller, said)
    } else if (!page$sent) {
      send_page(run, page, if (page$ended) read_page(page$path) else page$shown, "f")
    }
    page$number <- NA_integer_
    page$recording <- NULL
    page$sent <- FALSE
    if (page$ended) unlink(page$path)
  }
  run$as_files <- length(files)
  note_items(run, "Made smaller to fit in one answer: ", smaller,
             " Draw fewer pages in one call to see them larger.")
  note_items(run, "Written to /sandbox, since one answer cannot hold them: ", files,
             " Draw fewer or smaller pages.")
  note_items(run, "Lost, since /tmp or /sandbox is full, or files there were removed: ", lost,
             " Make room there, then draw again.")
  unlink(run$folders, recursive = TRUE)
}

enumerate <- function(items, most = 8L) {
  more <- length(items) - most
  paste0(paste(first_of(items, most), collapse = ", "), if (more > 0L) sprintf(" and %d more", more))
}

note_items <- function(run, what, items, advice = "") {
  if (length(items)) run$notes <- c(run$notes, paste0(what, enumerate(items), ".", advice))
}

# The number in four bytes of a PNG.
number_at <- function(bytes, start) sum(as.integer(bytes[start + 0:3]) * 256^(3:0))
pixels_of <- function(bytes) sprintf("%.0f x %.0f", number_at(bytes, 17L), number_at(bytes, 21L))

# The page in the largest size that fits, or NULL.
send_smaller <- function(run, page, share) {
  recording <- page$recording
  if (!page$ended) recording <- on_device(our_devices()[page$folder], grDevices::recordPlot())
  if (is.null(recording)) return()
  for (scale in sqrt(share / page$size) * c(0.97, 0.85, 0.72, 0.6, 0.48, 0.36)) {
    started <- proc.time()[[3L]]
    if (scale < 0.2 || started + run$drawn_in > run$draw_until) return()
    bytes <- drawn_as_png(s$device$width * scale, s$device$height * scale, s$device$res * scale,
                          grDevices::replayPlot(recording))
    run$drawn_in <- proc.time()[[3L]] - started
    if (length(bytes) <= share && is_png(bytes)) {
      send_page(run, page, bytes, "f")
      return(sprintf("plot %d (%s)", page$number, pixels_of(bytes)))
    }
  }
}

keep_as_file <- function(run, page) {
  bytes <- if (page$ended) read_page(page$path) else page$shown
  name <- sprintf("plot-%s-%02d.png", substr(run$id, 1L, 8L), page$number)
  put_whole(bytes, file.path(kWork, name))
  sprintf("%s (%s, %.0f kB)", name, pixels_of(bytes), length(bytes) / 1000)
}

set_device <- function(fields) {
  wanted <- s$device
  for (key in c("width", "height", "res")) {
    if (!is.null(fields[[key]])) wanted[[key]] <- as.integer(fields[[key]])
  }
  if (identical(wanted, s$device)) return()
  s$device <- wanted
  # Pages to come get the new size; the page under way is carried over, as code may add to it.
  open <- our_devices()
  for (i in seq_along(open)) {
    folder <- names(open)[i]
    grDevices::dev.set(open[[i]])
    drawing <- grDevices::recordPlot()
    grDevices::dev.off(open[[i]])
    s$under_way[[folder]] <- NULL
    s$folders <- setdiff(s$folders, folder)
    unlink(folder, recursive = TRUE)
    if (length(drawing[[1L]])) {
      open_device()
      grDevices::replayPlot(drawing)
      page <- new_page(s$folders[length(s$folders)], 1L)
      page$drawn <- drawn_on(grDevices::dev.cur())
      page$shown <- render(grDevices::dev.cur(), page)
    }
  }
}

# ---- pages that a session which died has left ------------------------------------------------------

kPngStart <- as.raw(c(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a))
kPngEnd <- as.raw(c(0, 0, 0, 0, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82))
kLeft <- 1000L # numbers of these pages begin above those of the session

is_png <- function(bytes) {
  length(bytes) >= 20L && identical(bytes[1:8], kPngStart) &&
    identical(bytes[length(bytes) - 11:0], kPngEnd)
}

# The finished ones that were not sent, in the order in which they were finished, but for one that had
# been shown.
report_left_pages <- function(run) {
  folders <- left_folders()
  paths <- list.files(folders, "^[0-9]+[.]png$", full.names = TRUE)
  paths <- paths[equal(file.size(paths) > 0, TRUE) & !is_link(paths)]
  info <- file.info(paths, extra_cols = FALSE)
  paths <- paths[order(info$mtime, basename(paths))]
  files <- character()
  for (path in paths) {
    bytes <- part(read_page(path))
    shown <- read_start(file.path(dirname(path), kShown), length(bytes) + 1L)
    if (is_png(bytes) && !identical(bytes, shown)) part({
      run$early <- run$early + length(bytes)
      page <- list(path = path, ended = TRUE, number = kLeft + length(run$pages) + 1L)
      run$pages <- c(run$pages, list(page))
      if (run$early <= kImageBytes) {
        send_page(run, page, bytes, "f")
      } else {
        files <- c(files, keep_as_file(run, page))
      }
    })
  }
  run$as_files <- length(files)
  note_items(run, "Written to /sandbox: ", files)
}

left_folders <- function() {
  folders <- list.files(kTemp, "^plots-", full.names = TRUE)
  folders[dir.exists(folders) & !is_link(folders)]
}
