# ---- pages for a viewer ----------------------------------------------------------------------------
# What htmlwidgets, gt and others print through htmltools is a page beside a folder of scripts, styles
# and fonts. Here it becomes one file, by means of our own: most images have no pandoc.

kMaxPage <- 24e6     # bytes of a page with all that goes into it
kMaxViewed <- 20L    # files of one run
kMime <- c(js = "text/javascript;charset=utf-8", css = "text/css;charset=utf-8", html = "text/html",
           svg = "image/svg+xml", png = "image/png", jpg = "image/jpeg", gif = "image/gif",
           woff = "font/woff", woff2 = "font/woff2", ttf = "font/ttf", json = "application/json")
kUrls <- paste0("(?i)(?:url\\(\\s*|@import\\s+(?=[\"']))",
                "(?:\"[^\"<>]{0,2000}\"|'[^'<>]{0,2000}'|[^)\"'<>\\s]{1,2000})\\s*\\)?")
kTags <- paste0("(?i)<(?:/?script|/?style|link|img|source|video|audio|iframe|object|embed)\\b",
                "(?:[^<>\"']++|\"[^\"]{0,4000}+\"|'[^']{0,4000}+'){0,200}+>|<!--|-->|", kUrls)
kTakenIn <- c("<script", "<link", "<img", "<source", "<video", "<audio", "<iframe", "<object", "<embed")
kLetters <- charToRaw("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")

base64 <- function(bytes) {
  starts <- seq(0L, max(0L, length(bytes) - 1L), 196608L)
  paste(vapply(starts, function(at) {
    piece <- as.integer(bytes[at + seq_len(min(196608L, length(bytes) - at))])
    less <- -length(piece) %% 3L
    three <- matrix(c(piece, integer(less)), 3L)
    word <- three[1L, ] * 65536L + three[2L, ] * 256L + three[3L, ]
    made <- kLetters[rbind(word %/% 262144L, word %/% 4096L, word %/% 64L, word) %% 64L + 1L]
    made[length(made) + 1L - seq_len(less)] <- charToRaw("=")
    rawToChar(made)
  }, ""), collapse = "")
}

# `bytes` with what `change` makes of each match in its place; NULL leaves it. By bytes, since
# substring() measures the whole text each time.
splice <- function(bytes, pattern, change) {
  bytes <- bytes[bytes != as.raw(0L)]
  hits <- gregexpr(pattern, rawToChar(bytes), perl = TRUE, useBytes = TRUE)[[1L]]
  ends <- hits + attr(hits, "match.length") - 1L
  pieces <- list()
  at <- 1L
  for (i in if (hits[1L] > 0L) seq_along(hits)) {
    new <- change(rawToChar(bytes[hits[i]:ends[i]]))
    if (is.null(new)) next
    pieces[[length(pieces) + 1L]] <- bytes[at - 1L + seq_len(hits[i] - at)]
    pieces[[length(pieces) + 1L]] <- if (is.raw(new)) new else charToRaw(new)
    at <- ends[i] + 1L
  }
  if (!length(pieces)) return(bytes)
  unlist(c(pieces, list(bytes[at - 1L + seq_len(length(bytes) + 1L - at)])))
}

is_file <- function(path) {
  info <- file.info(path, extra_cols = FALSE)
  isTRUE(!info$isdir && (info$size > 0 || is_plain(path)))
}

# What a page refers to, as a path below its folder; NULL for all that is elsewhere, be it by a link.
local_file <- function(page, folder, reference) {
  key <- paste(folder, reference)
  if (is.null(page$known[[key]])) page$known[[key]] <- list(find_local(page, folder, reference))
  page$known[[key]][[1L]]
}

find_local <- function(page, folder, reference) {
  path <- utils::URLdecode(gsub("&amp;", "&", sub("[?#].*$", "", reference), fixed = TRUE))
  if (!nzchar(path) || grepl("^(/|[A-Za-z][A-Za-z0-9+.-]*:)", path, useBytes = TRUE)) return()
  parts <- character()
  for (one in strsplit(paste0(folder, path), "/", fixed = TRUE)[[1L]]) {
    if (one == ".." && !length(parts)) return()
    parts <- if (one == "..") parts[-length(parts)] else c(parts, if (!(one %in% c("", "."))) one)
  }
  steps <- Reduce(function(a, b) paste0(a, "/", b), parts, page$root, accumulate = TRUE)[-1L]
  if (length(steps) && !any(is_link(steps)) && is_file(steps[length(steps)])) paste(parts, collapse = "/")
}

# Counted before it is read or used again, so that no page can be made to grow without end.
count_bytes <- function(page, size) {
  page$size <- page$size + size
  if (page$size > kMaxPage) stop("too large")
}

take_in <- function(page, path) {
  full <- file.path(page$root, path)
  count_bytes(page, file.size(full))
  page$inlined <- TRUE
  bytes <- readBin(full, "raw", file.size(full))
  if (!grepl("[.]css$", path)) return(bytes)
  folder <- sub("[^/]*$", "", path)
  splice(bytes, kUrls, function(text) inline_url(page, folder, text))
}

data_uri <- function(page, path) {
  if (is.null(page$uris[[path]])) {
    page$uris[[path]] <- "" # for a style sheet that includes itself
    kind <- kMime[tolower(sub("^.*[.]", "", path))]
    if (is.na(kind)) kind <- "application/octet-stream"
    page$uris[[path]] <- paste0("data:", kind, ";base64,", base64(take_in(page, path)))
  }
  count_bytes(page, nchar(page$uris[[path]]))
  page$uris[[path]]
}

# Of a style sheet. EOT is read by no browser of today.
inline_url <- function(page, folder, text) {
  bare <- gsub("(?i)^(url\\(|@import)\\s*[\"']?|[\"']?\\s*\\)?$", "", text, perl = TRUE, useBytes = TRUE)
  path <- local_file(page, folder, bare)
  if (is.null(path) || grepl("[.]eot$", path)) return()
  paste0(if (startsWith(text, "@")) "@import ", "url(\"", data_uri(page, path), "\")")
}

attribute <- function(name) sprintf("(?i)\\s%s\\s*=\\s*(\"[^\"]*\"|'[^']*'|[^\\s>\"']+)", name)

value_of <- function(tag, name) {
  whole <- regmatches(tag, regexpr(attribute(name), tag, perl = TRUE, useBytes = TRUE))
  gsub("^[^=]*=\\s*[\"']?|[\"']$", "", c(whole, "")[1L], perl = TRUE, useBytes = TRUE)
}

replace_attribute <- function(tag, name, new) sub(attribute(name), new, tag, perl = TRUE, useBytes = TRUE)

# What takes the place of a tag. Code that would end its own element stays in an attribute.
inline_tag <- function(page, tag, element) {
  name <- switch(element, "<link" = "href", "<object" = "data", "src")
  value <- value_of(tag, name)
  sizes <- value_of(tag, "srcset")
  if (nzchar(sizes)) page$away <- unique(c(first_of(page$away), sizes))
  if (!nzchar(value) || startsWith(value, "data:")) return()
  path <- local_file(page, "", value)
  sheet <- element == "<link" && grepl("stylesheet", value_of(tag, "rel"), ignore.case = TRUE)
  if (is.null(path)) {
    if (sheet || element != "<link") page$away <- unique(c(first_of(page$away), value))
    return()
  }
  if (sheet) {
    css <- splice(take_in(page, path), "(?i)</(?=style)", function(text) "<\\/")
    media <- value_of(tag, "media")
    return(c(charToRaw(if (nzchar(media)) sprintf("<style media=\"%s\">\n", media) else "<style>\n"), css,
             charToRaw("\n</style>")))
  }
  if (element == "<script" && !grepl("\\s(defer|async|type=.?module)", tag, useBytes = TRUE)) {
    code <- take_in(page, path)
    if (!grepl("</script|<!--", rawToChar(code), ignore.case = TRUE, useBytes = TRUE)) {
      return(c(charToRaw(replace_attribute(tag, name, "")), code))
    }
  }
  replace_attribute(tag, name, paste0(" ", name, "=\"", data_uri(page, path), "\""))
}

# A page with all that is in its folder. Text of scripts and comments has no tags, whatever it looks like.
inline_page <- function(path) {
  page <- new.env(parent = emptyenv())
  page$root <- dirname(path)
  page$size <- 0
  page$inlined <- FALSE
  page$known <- new.env(parent = emptyenv())
  page$uris <- new.env(parent = emptyenv())
  count_bytes(page, file.size(path))
  until <- ""
  page$bytes <- splice(read_page(path), kTags, function(text) {
    word <- tolower(regmatches(text, regexpr("^(<!--|-->|</?[A-Za-z]+|url|@)", text, useBytes = TRUE,
                                             ignore.case = TRUE)))
    if (nzchar(until)) {
      if (word == until) until <<- ""
      else if (until == "</style" && word %in% c("url", "@")) return(inline_url(page, "", text))
      return()
    }
    until <<- switch(word, "<!--" = "-->", "<script" = "</script", "<style" = "</style", "")
    if (word %in% kTakenIn) inline_tag(page, text, word)
  })
  if (length(page$bytes) > kMaxPage) stop("too large")
  page
}

find_all <- function(text, pattern) {
  unique(regmatches(text, gregexpr(pattern, text, perl = TRUE, useBytes = TRUE))[[1L]])
}

# What a page shows, as far as it tells.
title_of <- function(text) {
  found <- find_all(text, "class=\"\\K[\\w.-]+(?= html-widget)")
  if (!length(found) && length(find_all(text, "class=\"gt_table"))) found <- "gt"
  if (!length(found)) found <- find_all(text, "(?i)<title>\\K[^<]+")
  if (length(found)) clip(gsub("[[:space:]]+", " ", enumerate(found), useBytes = TRUE), 80L) else "HTML"
}

size_text <- function(size) {
  if (size < 1e5) sprintf("%.0f kB", max(1, size / 1e3)) else sprintf("%.1f MB", size / 1e6)
}

# Shows a file as one in /sandbox, and returns the line that tells of it. What is there already, and
# needs nothing else, stays the only one.
show_local <- function(run, path) {
  ending <- sub("^.*[.]", "", path)
  if (!grepl("^x?html?$", ending, ignore.case = TRUE)) {
    if (file.size(path) > kMaxPage) stop("too large")
    return(tell_viewed(run, ending, read_page(path), ending))
  }
  page <- inline_page(path)
  text <- text_of(read_page(path))
  # A map's tiles are named in its data alone.
  page$away <- c(page$away, find_all(text, "https?://[^\"' <>]*\\{z\\}"))
  also <- if (!length(page$away)) ", one self-contained HTML page" else
    paste(", one HTML page, but for what it loads from elsewhere:", clip(enumerate(page$away, 3L)))
  below <- paste0(normalizePath(kWork), "/")
  full <- normalizePath(path)
  own <- if (!page$inlined && startsWith(full, below)) substring(full, nchar(below) + 1L)
  tell_viewed(run, title_of(text), page$bytes, "html", also, own)
}

tell_viewed <- function(run, what, bytes, ending, also = "", own = NULL) {
  where <- paste("in", own)
  if (is.null(own)) {
    run$viewed <- run$viewed + 1L
    if (run$viewed > kMaxViewed) {
      return(sprintf("[widget: %s, not written: %d of this call have been]", what, kMaxViewed))
    }
    name <- sprintf("widget-%s-%02d.%s", substr(run$id, 1L, 8L), run$viewed, ending)
    put_whole(bytes, file.path(kWork, name))
    where <- paste("written to", name)
  }
  sprintf("[widget: %s, %s (%s)%s]", what, where, size_text(length(bytes)), also)
}

put_whole <- function(bytes, path) {
  on.exit(if (!equal(file.size(path), length(bytes))) unlink(path))
  writeBin(bytes, path)
  if (!equal(file.size(path), length(bytes))) stop("full")
}

# The value of options(viewer).
view_page <- function(url, ...) {
  path <- if (startsWith(url, "file:")) utils::URLdecode(sub("^file:(//)?", "", url)) else url
  run <- s$run
  if (is.null(run) || Sys.getpid() != s$pid || !is_file(path)) return(browse_nothing(url))
  line <- suppressWarnings(tryCatch(show_local(run, path), error = function(e) {
    sprintf("[widget: not written, since %s]", switch(conditionMessage(e),
      "too large" = "its page would have more than 24 MB: show less data in it",
      full = "there is no room in /sandbox: remove files there", conditionMessage(e)))
  }))
  cat(line, "\n", sep = "")
  # htmltools leaves it to the end of R, in a /tmp that has room for few such folders.
  if (grepl("/viewhtml[^/]*/index.html$", path)) unlink(dirname(path), recursive = TRUE)
}

# These print only for somebody who sits there; and what is to be one file must not need pandoc.
kViews <- list(htmlwidgets = c("print.htmlwidget", "print.suppress_viewer"), gt = "print.gt_tbl")

show_widgets <- function(package, ...) part({
  home <- asNamespace(package)
  for (name in intersect(kViews[[package]], ls(home))) {
    method <- get(name, home)
    if ("view" %in% names(formals(method))) formals(method)$view <- TRUE
    replace_in(package, name, method)
    registerS3method("print", sub("print.", "", name, fixed = TRUE), method, home)
  }
  if (package == "htmlwidgets" && !nzchar(Sys.which("pandoc"))) {
    save <- home$saveWidget
    alone <- bquote(if (selfcontained) return(.(save_alone)(.(save), widget, file, background, title)))
    replace_in(package, "saveWidget", before_body(save, alone))
  }
})

save_alone <- function(save, widget, file, background, title) {
  folder <- tempfile("widget-", kTemp)
  on.exit(unlink(folder, recursive = TRUE))
  dir.create(folder)
  path <- file.path(folder, "index.html")
  save(widget, path, FALSE, "lib", background, title)
  put_whole(inline_page(path)$bytes, file)
  invisible()
}

watch_widgets <- function() {
  options(viewer = view_page)
  for (package in names(kViews)) setHook(packageEvent(package, "onLoad"), show_widgets)
}
