# ---- images that code saves ------------------------------------------------------------------------
# Where a run has drawn no page, the pictures that it made or changed are sent as pages: as after
# ggsave(), they are what is to be seen. PNG and JPEG as they are; others where the image has a program
# or a package that makes PNG of them.

kMaxSide <- 2000L      # pixels: what the server takes, and hosts that have many images
kSmallerSide <- 1500L  # of one that is made smaller: models do not see more
kMaxSamples <- 20e6    # of one that is decoded for that
kMaxChunks <- 20000L   # of a PNG: libpng writes one for each 8 kB
kPatience <- 8         # seconds in one run for converting and for undoing filters; the rest is linear
kOneConversion <- 4    # seconds

# By kind, what to call, with the file that is and the one to make.
kConverters <- list(
  svg = list("rsvg-convert" = function(from, to) c("-a", "-w", kSmallerSide, "-h", kSmallerSide, "-o", to, from),
             rsvg = "rsvg::rsvg_png(a[1L], a[2L], width = %d)"),
  pdf = list(pdftoppm = function(from, to) {
               c("-png", "-singlefile", "-scale-to", kSmallerSide, from, sub("[.]png$", "", to))
             },
             pdftools = "pdftools::pdf_convert(a[1L], pages = 1L, filenames = a[2L], dpi = %d / 11)"),
  other = list(convert = function(from, to) {
    c(paste0(from, "[0]"), "-resize", sprintf("%1$dx%1$d>", kSmallerSide), paste0("png:", to))
  }))

# Those that came with a saved page, as in its lib/ folder, are no results.
show_saved <- function(run, looked) {
  paths <- looked$now$paths[looked$changed]
  sizes <- looked$now$size[looked$changed]
  kinds <- picture_kinds(paths)
  wanted <- which(!is.na(kinds) & sizes > 0 & !grepl("(_files|/libs?)/", paths, useBytes = TRUE))
  if (!length(wanted)) return()
  keep_alive(kReportSeconds)
  wanted <- wanted[order(looked$now$time[looked$changed][wanted])]
  share <- fair_share(sizes[first_of(wanted, kMaxPages)], kImageBytes)
  until <- proc.time()[[3L]] + kPatience
  shown <- 0L
  smaller <- unseen <- character()
  for (i in wanted) {
    name <- substring(utf8(paths[i]), nchar(kWork) + 2L)
    looks <- shown + length(unseen) < kMaxPages && sizes[i] <= kMaxPage
    bytes <- if (looks) part(picture_bytes(paths[i], kinds[i], until))
    head <- part(picture_head(bytes))
    size <- if (!is.null(head)) sprintf(" (%d x %d)", head$width, head$height)
    made <- if (!is.null(head)) {
      if (head$fits && length(bytes) <= share) bytes
      else part(smaller_image(paths[i], bytes, head, share, until))
    }
    if (is.null(made)) {
      if (kinds[i] %in% c("png", "jpeg")) unseen <- c(unseen, paste0(name, size))
    } else {
      shown <- shown + 1L
      if (!identical(made, bytes)) smaller <- c(smaller, paste0(name, size))
      send_picture(run, shown, name, made)
    }
  }
  note_items(run, "Shown smaller than the file is: ", smaller)
  note_items(run, "Not shown, being too large, too many or no picture that can be read: ", unseen)
}

# As a page of a file, whose name the server tells once it has found that it is a picture.
send_picture <- function(run, number, name, bytes) {
  name <- charToRaw(enc2utf8(name))[seq_len(min(255L, nchar(enc2utf8(name), "bytes")))]
  send("P", run$id, c(charToRaw(sprintf("%04xs%02x", number, length(name))), name, bytes))
}

# NA for what is no picture.
picture_kinds <- function(paths) {
  endings <- tolower(sub("^.*[.]", "", basename(paths)))
  kinds <- c(png = "png", jpg = "jpeg", jpeg = "jpeg", svg = "svg", pdf = "pdf", tif = "other", tiff = "other",
             bmp = "other", gif = "other", webp = "other")
  unname(kinds[endings])
}

picture_bytes <- function(path, kind, until) {
  if (kind %in% c("png", "jpeg")) read_page(path) else converted(path, kind, until)
}

# A PNG made of a file of another kind; NULL where nothing here can do that.
converted <- function(path, kind, until) {
  made <- tempfile("shown-", kTemp, ".png")
  on.exit(unlink(made))
  ways <- kConverters[[kind]]
  for (name in names(ways)) {
    if (proc.time()[[3L]] > until) return()
    way <- ways[[name]]
    if (is.function(way)) {
      if (nzchar(Sys.which(name))) call_program(name, way(path, made))
    } else if (nzchar(system.file(package = name))) {
      # In a process of its own, since it can be ended there.
      code <- paste("a <- commandArgs(TRUE);", sprintf(way, kSmallerSide))
      call_program(file.path(R.home("bin"), "Rscript"), c("--vanilla", "-e", code, path, made))
    }
    bytes <- read_page(made)
    if (is_png(bytes)) return(bytes)
  }
}

call_program <- function(name, arguments) {
  suppressWarnings(system2(name, shQuote(arguments), stdout = FALSE, stderr = FALSE, timeout = kOneConversion))
}

picture_head <- function(bytes) if (is_png(bytes)) png_head(bytes) else jpeg_head(bytes)

# What the header says, and whether the server takes such a picture.
png_head <- function(bytes) {
  head <- list(width = as.integer(number_at(bytes, 17L)), height = as.integer(number_at(bytes, 21L)),
               depth = as.integer(bytes[25L]), colour = as.integer(bytes[26L]), plain = all(bytes[27:29] == 0))
  head$channels <- c(1L, NA, 3L, 1L, 2L, NA, 4L)[head$colour + 1L]
  area <- as.numeric(head$width) * head$height
  head$samples <- area * head$channels
  head$fits <- isTRUE(head$plain && max(head$width, head$height) <= kMaxSide &&
                        head$samples * head$depth / 8 + head$height <= 16e6)
  head
}

# Of a JPEG, whose segments come before its size. NULL for what is none.
jpeg_head <- function(bytes) {
  if (length(bytes) < 4L || !identical(bytes[1:2], as.raw(c(255L, 216L)))) return()
  at <- 3L
  for (i in 1:1000) {
    if (at + 9L > length(bytes) || bytes[at] != 255L) return()
    kind <- as.integer(bytes[at + 1L])
    word <- function(place) sum(as.integer(bytes[at + place + 0:1]) * c(256L, 1L))
    if (kind %in% 192:194) {
      return(list(width = word(7L), height = word(5L), fits = max(word(5L), word(7L)) <= kMaxSide))
    }
    at <- at + 2L + word(2L)
  }
}

smaller_image <- function(path, bytes, head, share, until) {
  if (is.null(head$samples)) {
    bytes <- converted(path, "other", until)
    if (length(bytes) <= share) return(bytes)
    head <- png_head(bytes)
  }
  pixels <- decode_png(bytes, head, until)
  first <- min(kSmallerSide / max(head$width, head$height), 0.95 * sqrt(share / length(bytes)))
  for (scale in first * c(1, 0.8, 0.6, 0.4)) {
    made <- drawn_as_png(max(1, head$width * scale), max(1, head$height * scale), NA, {
      graphics::par(mar = rep(0, 4L), xaxs = "i", yaxs = "i")
      graphics::plot.new()
      graphics::rasterImage(pixels, 0, 0, 1, 1)
    })
    if (is_png(made) && length(made) <= share) return(made)
  }
}

# Pixels as rasterImage() takes them, of the kinds that R's devices write; all, where the package png is.
decode_png <- function(bytes, head, until) {
  if (head$samples > kMaxSamples) stop("too large")
  if (requireNamespace("png", quietly = TRUE)) return(png::readPNG(bytes, native = TRUE))
  stopifnot(head$plain, head$depth == 8L)
  chunks <- chunks_of(bytes)
  stride <- head$width * head$channels
  stream <- inflate(unlist(chunks[names(chunks) == "IDAT"], use.names = FALSE), (stride + 1) * head$height)
  values <- unfilter(matrix(stream, stride + 1L), head$channels, until)
  planes <- lapply(seq_len(head$channels), function(i) {
    as.integer(values[seq.int(i, length(values), head$channels)])
  })
  opaque <- head$colour %in% c(0L, 2L)
  if (head$colour == 3L) {
    palette <- matrix(as.integer(chunks$PLTE), 3L)
    alpha <- c(as.integer(chunks$tRNS), rep(255L, 256L))
    index <- planes[[1L]] + 1L
    planes <- list(palette[1L, index], palette[2L, index], palette[3L, index], alpha[index])
  } else if (head$colour %in% c(0L, 4L)) {
    planes <- planes[c(1L, 1L, 1L, if (!opaque) 2L)]
  }
  alpha <- if (opaque) 255L else planes[[4L]]
  alpha[alpha == 128L] <- 127L # its number would be R's NA
  alpha <- (alpha - 256L * (alpha > 127L)) * 16777216L
  structure(planes[[1L]] + 256L * planes[[2L]] + 65536L * planes[[3L]] + alpha,
            dim = c(head$height, head$width), class = "nativeRaster", channels = 4L)
}

chunks_of <- function(bytes) {
  chunks <- vector("list", kMaxChunks)
  kinds <- character(kMaxChunks)
  at <- 9L
  n <- 0L
  while (at < length(bytes)) {
    size <- number_at(bytes, at)
    n <- n + 1L
    stopifnot(n <= kMaxChunks)
    kinds[n] <- rawToChar(bytes[at + 4:7])
    chunks[[n]] <- bytes[at + 7L + seq_len(size)]
    at <- at + size + 12L
  }
  structure(chunks[seq_len(n)], names = kinds[seq_len(n)])
}

# The `size` bytes that a zlib stream must have, and no more of one that goes on. memDecompress() would
# make as many as there are; a connection does not, and takes the stream with the head of a gzip file,
# of whose missing checksum it complains.
inflate <- function(stream, size) {
  gzip <- as.raw(c(31L, 139L, 8L, 0L, 0L, 0L, 0L, 0L, 0L, 3L))
  from <- gzcon(rawConnection(c(gzip, stream[-(1:2)])), allowNonCompressed = FALSE)
  nobody <- file(nullfile(), "w")
  sink(nobody, type = "message")
  on.exit({
    sink(type = "message")
    close(nobody)
    close(from)
  })
  values <- readBin(from, "raw", size)
  stopifnot(length(values) == size)
  values
}

# Undoes the filters of a PNG's rows, one a column here, whose first byte names its filter.
unfilter <- function(rows, channels, until) {
  filters <- as.integer(rows[1L, ])
  rows <- rows[-1L, , drop = FALSE]
  chain <- if (any(filters > 2L)) compiler::cmpfun(chain)
  above <- integer(nrow(rows))
  for (j in if (any(filters > 0L)) seq_along(filters)) {
    if (proc.time()[[3L]] > until) stop("too slow")
    x <- as.integer(rows[, j])
    if (filters[j] == 2L) {
      x <- (x + above) %% 256L
    } else if (filters[j] > 0L) {
      for (k in seq_len(channels)) {
        on <- seq.int(k, length(x), channels)
        x[on] <- if (filters[j] == 1L) cumsum(x[on]) %% 256L else chain(x[on], above[on], filters[j] == 4L)
      }
    }
    if (filters[j] > 0L) rows[, j] <- as.raw(x)
    above <- x
  }
  rows
}

# One channel of a row whose samples each need the one before. Where Paeth's filter finds no difference,
# neither its own nor above, that one is repeated: in a plot that is nearly everywhere.
chain <- function(x, above, paeth) {
  before <- c(0L, above[-length(above)])
  own <- if (paeth) x != 0L | above != before else rep(TRUE, length(x))
  made <- integer(sum(own) + 1L)
  a <- 0L
  n <- 1L
  for (i in which(own)) {
    b <- above[i]
    guess <- (a + b) %/% 2L
    if (paeth) {
      c <- before[i]
      to_a <- abs(b - c)
      to_b <- abs(a - c)
      to_c <- abs(a + b - c - c)
      guess <- if (to_a <= to_b && to_a <= to_c) a else if (to_b <= to_c) b else c
    }
    a <- (x[i] + guess) %% 256L
    n <- n + 1L
    made[n] <- a
  }
  made[cumsum(own) + 1L]
}
