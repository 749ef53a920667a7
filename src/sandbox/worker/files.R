# ---- files ---------------------------------------------------------------------------------------

kMaxFiles <- 1000L
kMaxLook <- 200000L    # entries of the folder that are looked at
kMaxListing <- 120000L # bytes of a list of files

# The files as they were at the last look, and what requests have put there since, by path.
s$seen <- list(paths = character(), size = numeric(), time = numeric(), folders = list(settled = FALSE))
s$put <- list()

# Sys.readlink() says "" of what is no link, and NA of what is not there.
is_link <- function(paths) !(Sys.readlink(paths) %in% c("", NA))

# Whether sizes or times are equal, one by one; never where either is unknown.
equal <- function(a, b) !is.na(a) & !is.na(b) & a == b

# When something was last added to folders or taken out of them; this time cannot be set by hand.
folder_times <- function(paths) info_of(paths)$ctime

# All files below kWork, by whole path, with size and time. No link is followed, and none is listed.
# Folders are read anew only if one of them has changed. What has the size and time of the plain file
# that was seen there before is still that.
look <- function() {
  folders <- s$seen$folders
  if (folders$settled && identical(folder_times(folders$paths), folders$time)) {
    if (!length(s$seen$paths)) return(s$seen)
    info <- info_of(s$seen$paths)
    there <- which(!is.na(info$size))
    return(list(paths = s$seen$paths[there], size = info$size[there], time = info$mtime[there],
                folders = folders))
  }
  read_folders(unclass(Sys.time()))
}

# What is in folders. list.files() sorts, and in other locales than C that takes most of the time: where
# the folders' own size tells of thousands of entries, the order is changed meanwhile.
entries_of <- function(folders) {
  order <- Sys.getlocale("LC_COLLATE")
  if (order != "C" && isTRUE(sum(file.size(folders)) > 40000)) {
    on.exit(Sys.setlocale("LC_COLLATE", order))
    Sys.setlocale("LC_COLLATE", "C")
  }
  list.files(folders, all.files = TRUE, full.names = TRUE, no.. = TRUE)
}

read_folders <- function(started) {
  unread <- kWork
  folders <- list(paths = kWork, time = folder_times(kWork))
  found <- list()
  entries <- 0L
  while (length(unread) && entries < kMaxLook) {
    paths <- entries_of(unread)
    entries <- entries + length(paths)
    info <- info_of(paths)
    time <- info$mtime
    before <- match(paths, s$seen$paths)
    new <- which(!(equal(info$size, s$seen$size[before]) & equal(time, s$seen$time[before])))
    link <- is.na(info$size)
    link[new] <- link[new] | is_link(paths[new])
    inner <- which(!link & info$isdir)
    unread <- paths[inner]
    folders$paths <- c(folders$paths, unread)
    folders$time <- c(folders$time, info$ctime[inner])
    plain <- which(!link & !info$isdir)
    found[[length(found) + 1L]] <- list(paths[plain], info$size[plain], time[plain])
  }
  # Times have the grain of the kernel's tick: a folder that has just changed may change again unseen.
  folders$settled <- !length(unread) && isTRUE(all(folders$time < started - 0.05))
  column <- function(i) unlist(lapply(found, `[[`, i))
  list(paths = as.character(column(1L)), size = as.numeric(column(2L)),
       time = as.numeric(column(3L)), folders = folders)
}

# Looks, remembers, and returns the files with those that have changed since the last time, but for
# what a request put there.
look_again <- function() {
  now <- look()
  seen <- s$seen
  if (!length(now$paths) && !length(seen$paths) && !length(s$put)) {
    s$seen <- now
    return(list(now = now, changed = NULL))
  }
  same_names <- identical(now$paths, seen$paths)
  at <- if (same_names) seq_along(now$paths) else match(now$paths, seen$paths)
  changed <- which(!(equal(now$size, seen$size[at]) & equal(now$time, seen$time[at])))
  if (length(s$put)) {
    put <- vapply(changed, function(i) {
      identical(s$put[[now$paths[i]]], c(now$size[i], now$time[i]))
    }, NA)
    changed <- changed[!put]
    s$put <- list()
  }
  s$seen <- now
  list(now = now, changed = changed)
}

# A pipe, a socket or a device has no size, and opening it for reading may wait for ever. fifo() looks
# before it opens, and opens for both ways: it does not wait. The text is compared as far as
# options(warning.length) always leaves it.
is_plain <- function(path) {
  said <- ""
  tryCatch(withCallingHandlers(close(fifo(path, "w+b", blocking = FALSE)), warning = function(w) {
    said <<- conditionMessage(w)
    invokeRestart("muffleWarning")
  }), error = function(e) NULL)
  no_fifo <- gettextf("'%s' exists but is not a fifo", path, domain = "R")
  if (substr(said, 1L, 80L) != substr(no_fifo, 1L, 80L)) return(FALSE)
  !is.null(read_start(path, 0L))
}

# Files by their numbers, the `limit` newest of them, as JSON, and how many that leaves out.
listing <- function(now, files, limit = kMaxFiles) {
  all <- length(files)
  if (!all) return(NULL)
  paths <- now$paths[files]
  good <- which(validUTF8(paths) & !grepl("[\001-\037\177]", paths, useBytes = TRUE))
  if (length(good) > limit) {
    good <- good[order(now$time[files[good]], decreasing = TRUE)[seq_len(limit)]]
  }
  left_out <- all - length(good)
  other <- vapply(good, function(i) {
    now$size[files[i]] == 0 && !is_plain(paths[i])
  }, NA)
  good <- good[!other]
  # Names that are no ASCII and have no mark cannot be put in order.
  good <- good[order(utf8(paths[good]), method = "radix")]
  names <- substring(utf8(paths[good]), nchar(kWork) + 2L)
  items <- sprintf("{\"path\":%s,\"size\":%.0f}", json_string(names), now$size[files[good]])
  fitting <- cumsum(nchar(items, "bytes") + 1) <= kMaxListing
  list(json = if (any(fitting)) json_array(items[fitting]), left_out = left_out + sum(!fitting))
}

# ---- files in and out ----------------------------------------------------------------------------

refuse <- function(...) stop(..., call. = FALSE)

text_of <- function(bytes) rawToChar(bytes[bytes != as.raw(0L)])

# The absolute form of a path below kWork; an error for anything that leaves it. No part of it may be a
# link, wherever that leads.
inside <- function(path) {
  parts <- strsplit(path, "/", fixed = TRUE, useBytes = TRUE)[[1L]]
  if (!length(parts) || any(parts %in% c("", ".", "..")) || endsWith(path, "/")) {
    refuse("'", path, "' is not a path below ", kWork, ": give one such as 'data/input.csv'.")
  }
  if (!validUTF8(path) || grepl("[\001-\037\177]", path, useBytes = TRUE)) {
    refuse("The name of the file is not valid UTF-8 or has control characters: choose another name.")
  }
  steps <- Reduce(function(a, b) paste0(a, "/", b), parts, kWork, accumulate = TRUE)[-1L]
  if (any(is_link(steps))) {
    refuse("'", path, "' is a symbolic link or goes through one, and links are not followed: ",
           "use the path of the file itself.")
  }
  steps[length(steps)]
}

# Opens a file, or says why not.
open_file <- function(full, mode, path) {
  said <- "the system refuses"
  tryCatch(withCallingHandlers(
    file(full, mode, encoding = "native.enc", raw = TRUE),
    warning = function(w) {
      said <<- sub(".*: ", "", conditionMessage(w))
      invokeRestart("muffleWarning")
    }), error = function(e) {
      refuse("'", path, "' cannot be opened (", said, "): check the folder ", kWork, " and try again.")
    })
}

put_file <- function(request) {
  offset <- request$fields$offset
  split <- min(request$fields$path_bytes, length(request$body))
  path <- text_of(request$body[seq_len(split)])
  bytes <- behind(request$body, split)
  full <- inside(path)
  if (dir.exists(full)) {
    refuse("'", path, "' is a folder: choose another name for the file, or remove the folder.")
  }
  if (offset == 0) {
    prepare(full, path)
  } else if (!identical(file.size(full), offset)) {
    refuse("'", path, "' was changed while it was being written: write it again.")
  }
  to <- open_file(full, if (offset == 0) "wb" else "r+b", path)
  tryCatch({
    if (offset > 0) seek(to, offset, rw = "write")
    writeBin(bytes, to)
  }, finally = close(to))
  end <- offset + length(bytes)
  if (!identical(file.size(full), end)) {
    unlink(full)
    refuse("There is no room for '", path, "' in ", kWork, ": remove files there, or send less.")
  }
  s$put[[full]] <- c(end, unclass(file.mtime(full)))
  raw()
}

# Makes a new file possible: its folders, and that no pipe has its name.
prepare <- function(full, path) {
  folder <- dirname(full)
  if (!dir.exists(folder) && !dir.create(folder, recursive = TRUE)) {
    refuse("The folder of '", path, "' cannot be made: a file has its name, or ", kWork, " is full.")
  }
  if (identical(file.size(full), 0) && !is_plain(full)) unlink(full)
}

# The file's size, and the bytes that were asked for.
get_file <- function(request) {
  path <- text_of(request$body)
  offset <- request$fields$offset
  full <- inside(path)
  info <- file.info(full, extra_cols = FALSE)
  if (is.na(info$size)) refuse("There is no file '", path, "' in ", kWork, ": check its name.")
  if (info$isdir || (info$size == 0 && !is_plain(full))) {
    refuse("'", path, "' is a folder, a pipe or a device: only plain files can be read.")
  }
  bytes <- raw()
  if (offset < info$size) {
    from <- open_file(full, "rb", path)
    on.exit(close(from))
    if (offset > 0) seek(from, offset, rw = "read")
    bytes <- readBin(from, "raw", min(request$fields$max, kSlice))
  }
  c(charToRaw(sprintf("%.0f\n", info$size)), bytes)
}

list_files <- function(request) {
  now <- look()
  made <- listing(now, seq_along(now$paths), request$fields$max)$json
  if (is.null(made)) "[]" else made
}
