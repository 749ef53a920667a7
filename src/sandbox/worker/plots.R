# ---- plots ---------------------------------------------------------------------------------------

kMaxPages <- 20L
kImageBytes <- 525000L # in all: in base64 that leaves a third of a line of 1,000,000 bytes
kShown <- "shown.png"  # in a device's folder: the page under way as it was last sent
s$device <- list(width = 768L, height = 512L, res = 96L)
s$pages <- character() # the folders of our graphics devices' pages
s$last_page <- raw()
s$ended <- integer()   # pages that have ended, by folder
s$recordings <- list() # of the pages that ended in the execution under way

# The value of options(device): what opens when code draws and no device is open.
open_device <- function(...) {
  folder <- tempfile("plots-", kTemp)
  dir.create(folder)
  s$pages <- c(s$pages, folder)
  s$ended[folder] <- 0L
  grDevices::png(file.path(folder, "%05d.png"), width = s$device$width, height = s$device$height,
                 res = s$device$res, type = "cairo")
  grDevices::dev.control("enable")
}

# Our devices that are open: their numbers, named by their folder.
our_devices <- function() {
  if (!length(s$pages)) return(integer())
  open <- get(".Devices", baseenv())
  paths <- vapply(open, function(d) {
    path <- attr(d, "filepath")
    if (is.null(path)) "" else dirname(path)
  }, "")
  ours <- which(paths %in% s$pages)
  structure(ours, names = paths[ours])
}

read_page <- function(path) readBin(path, "raw", file.size(path))

# The pages that have ended. An empty file is the place of the one under way, and must stay.
pages_in <- function(folders) {
  pages <- list.files(folders, "^[0-9]+[.]png$", full.names = TRUE)
  pages[file.size(pages) > 0]
}

# Sends a page; one that does not fit beside those sent already is drawn again, smaller, from its
# recording, and one that still does not fit becomes a file, as do all beyond the first kMaxPages.
emit_page <- function(run, bytes, recording = NULL) {
  if (!length(bytes)) return()
  run$pages <- run$pages + 1L
  sent <- bytes
  for (scale in c(0.7, 0.5, 0.35)) {
    if (run$image_bytes + length(sent) <= kImageBytes || is.null(recording)) break
    sent <- draw_again(recording, scale)
  }
  if (run$pages <= kMaxPages && run$image_bytes + length(sent) <= kImageBytes) {
    run$image_bytes <- run$image_bytes + length(sent)
    if (length(sent) < length(bytes)) run$smaller <- run$smaller + 1L
    send("P", run$id, sent)
  } else {
    name <- sprintf("plot-%s-%02d.png", substr(run$id, 1L, 8L), run$pages)
    writeBin(bytes, file.path(kWork, name))
    run$as_files <- run$as_files + 1L
  }
}

draw_again <- function(recording, scale) {
  path <- tempfile("page-", kTemp, ".png")
  on.exit(unlink(path))
  before <- grDevices::dev.cur()
  grDevices::png(path, width = s$device$width * scale, height = s$device$height * scale,
                 res = s$device$res * scale, type = "cairo")
  own <- grDevices::dev.cur()
  tryCatch(grDevices::replayPlot(recording), finally = {
    grDevices::dev.off(own)
    if (before > 1L) grDevices::dev.set(before)
  })
  read_page(path)
}

# A hook before each new page: keeps the recording of the one that ends, in case that it has to be
# drawn again. par("page") says whether the next plot begins a page or the next figure of one.
record_page <- function(...) {
  if (is.null(s$run) || length(s$recordings) >= kMaxPages) return()
  if (!(grDevices::dev.cur() %in% our_devices()) || !isTRUE(graphics::par("page"))) return()
  recording <- grDevices::recordPlot()
  if (length(recording[[1L]])) s$recordings[[length(s$recordings) + 1L]] <- recording
}

# The page under way, without ending it: replayed on a device of its own. Nothing where it has not
# changed since it was last asked for.
current_page <- function(device, folder) {
  path <- file.path(folder, kShown)
  before <- grDevices::dev.cur()
  grDevices::dev.set(device)
  on.exit(grDevices::dev.set(before))
  drawn <- length(grDevices::recordPlot()[[1L]])
  key <- paste(folder, s$ended[folder], drawn)
  s$page_recording <- NULL
  if (!drawn || identical(key, s$drawn)) return(raw())
  s$drawn <- key
  s$page_recording <- grDevices::recordPlot()
  size <- grDevices::dev.size("px")
  grDevices::dev.copy(grDevices::png, filename = path, width = size[1L], height = size[2L],
                      res = s$device$res, type = "cairo")
  grDevices::dev.off()
  if (file.exists(path)) read_page(path) else raw()
}

report_plots <- function(run) {
  open <- our_devices()
  for (folder in s$pages) {
    pages <- sort(pages_in(folder))
    # Before the first page there may be a recording of par() alone.
    recorded <- utils::tail(s$recordings, length(pages))
    for (i in seq_along(pages)) {
      bytes <- read_page(pages[i])
      # The first one may have been shown already, when it was the page under way.
      if (i > 1L || !identical(bytes, s$last_page)) {
        emit_page(run, bytes, if (length(recorded) == length(pages)) recorded[[i]])
      }
      unlink(pages[i])
    }
    if (length(pages)) s$last_page <- raw()
    s$ended[folder] <- s$ended[folder] + length(pages)
    s$recordings <- list()
    device <- open[folder]
    if (is.na(device)) {
      unlink(folder, recursive = TRUE)
      s$pages <- setdiff(s$pages, folder)
      s$ended <- s$ended[s$pages]
    } else {
      bytes <- current_page(device, folder)
      if (length(bytes)) s$last_page <- bytes
      emit_page(run, bytes, s$page_recording)
      s$page_recording <- NULL
    }
  }
}

set_device <- function(fields) {
  wanted <- s$device
  for (key in c("width", "height", "res")) {
    if (!is.null(fields[[key]])) wanted[[key]] <- as.integer(fields[[key]])
  }
  if (identical(wanted, s$device)) return()
  s$device <- wanted
  # Pages to come get the new size; the page under way is carried over, as code may add to it.
  for (device in our_devices()) {
    grDevices::dev.set(device)
    drawing <- grDevices::recordPlot()
    grDevices::dev.off(device)
    if (length(drawing[[1L]])) {
      open_device()
      grDevices::replayPlot(drawing)
      s$last_page <- current_page(grDevices::dev.cur(), s$pages[length(s$pages)])
    }
  }
  unlink(pages_in(s$pages))
}

# ---- pages that a session which died has left ------------------------------------------------------

kPngStart <- as.raw(c(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a))
kPngEnd <- as.raw(c(0, 0, 0, 0, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82))

is_png <- function(bytes) {
  length(bytes) >= 20L && identical(bytes[1:8], kPngStart) &&
    identical(bytes[length(bytes) - 11:0], kPngEnd)
}

# The finished ones, in the order in which they were finished, but for one that had been shown.
report_left_pages <- function(run) {
  folders <- left_folders()
  pages <- pages_in(folders)
  pages <- pages[!is_link(pages)]
  info <- file.info(pages, extra_cols = FALSE)
  pages <- pages[order(info$mtime, basename(pages))]
  for (page in pages) {
    bytes <- part(read_page(page))
    shown <- read_start(file.path(dirname(page), kShown), length(bytes) + 1L)
    if (is_png(bytes) && !identical(bytes, shown)) part(emit_page(run, bytes))
  }
}

left_folders <- function() {
  folders <- list.files(kTemp, "^plots-", full.names = TRUE)
  folders[dir.exists(folders) & !is_link(folders)]
}
