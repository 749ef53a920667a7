# ---- images that code saves ------------------------------------------------------------------------
# Where a run has drawn no page, the PNG files that it made or changed are sent as pages: as after
# ggsave(), they are what is to be seen.

kMaxSide <- 2000L      # pixels: what the server takes, and hosts that have many images
kSmallerSide <- 1500L  # of one that is made smaller: models do not see more
kMaxSamples <- 20e6    # of one that is decoded for that
kPatience <- 8         # seconds for decoding in one run

# Those that came with a saved page, as in its lib/ folder, are no results.
show_saved <- function(run, looked) {
  paths <- looked$now$paths[looked$changed]
  sizes <- looked$now$size[looked$changed]
  wanted <- which(grepl("[.]png$", paths, ignore.case = TRUE, useBytes = TRUE) & sizes > 0 &
                    !grepl("(_files|/libs?)/", paths, useBytes = TRUE))
  if (!length(wanted)) return()
  keep_alive(kReportSeconds)
  wanted <- wanted[order(looked$now$time[looked$changed][wanted])]
  share <- fair_share(sizes[first_of(wanted, kMaxPages)], kImageBytes)
  until <- proc.time()[[3L]] + kPatience
  shown <- smaller <- unseen <- character()
  for (i in wanted) {
    name <- substring(utf8(paths[i]), nchar(kWork) + 2L)
    bytes <- if (length(c(shown, unseen)) < kMaxPages && sizes[i] <= kMaxPage) part(read_page(paths[i]))
    head <- part(png_head(bytes))
    size <- if (!is.null(head)) sprintf(" (%d x %d)", head$width, head$height)
    made <- if (!is.null(head)) {
      if (head$fits && length(bytes) <= share) bytes
      else part(smaller_image(bytes, head, share, until))
    }
    if (is.null(made)) {
      unseen <- c(unseen, paste0(name, size))
    } else {
      shown <- c(shown, name)
      if (!identical(made, bytes)) smaller <- c(smaller, paste0(name, size))
      send_page(run, list(number = length(shown)), made, "f")
    }
  }
  if (length(shown) > 1L) note_items(run, "Images shown, in this order: ", shown)
  note_items(run, "Shown smaller than the file is: ", smaller)
  note_items(run, "Not shown, being too large, too many or no PNG that can be read: ", unseen)
}

# What the header says, and whether the server takes such a picture.
png_head <- function(bytes) {
  if (!is_png(bytes)) return()
  head <- list(width = as.integer(number_at(bytes, 17L)), height = as.integer(number_at(bytes, 21L)),
               depth = as.integer(bytes[25L]), colour = as.integer(bytes[26L]), plain = all(bytes[27:29] == 0))
  head$channels <- c(1L, NA, 3L, 1L, 2L, NA, 4L)[head$colour + 1L]
  area <- as.numeric(head$width) * head$height
  head$samples <- area * head$channels
  head$fits <- isTRUE(head$plain && max(head$width, head$height) <= kMaxSide &&
                        head$samples * head$depth / 8 + head$height <= 16e6)
  head
}

smaller_image <- function(bytes, head, share, until) {
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
  chunks <- list()
  at <- 9L
  while (at < length(bytes)) {
    size <- number_at(bytes, at)
    kind <- rawToChar(bytes[at + 4:7])
    chunks[[kind]] <- c(chunks[[kind]], list(bytes[at + 7L + seq_len(size)]))
    at <- at + size + 12L
  }
  stream <- memDecompress(unlist(chunks$IDAT), "gzip")
  stride <- head$width * head$channels
  stopifnot(length(stream) == (stride + 1) * head$height)
  values <- unfilter(matrix(stream, stride + 1L), head$channels, until)
  planes <- lapply(seq_len(head$channels), function(i) {
    as.integer(values[seq.int(i, length(values), head$channels)])
  })
  opaque <- head$colour %in% c(0L, 2L)
  if (head$colour == 3L) {
    palette <- matrix(as.integer(chunks$PLTE[[1L]]), 3L)
    alpha <- c(as.integer(unlist(chunks$tRNS)), rep(255L, 256L))
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
