# ---- text and JSON -----------------------------------------------------------------------------
# Nothing here may depend on what user code sets: options, locale, encodings.

# Valid UTF-8 of any strings. What has no mark is taken for UTF-8, which it is in every locale of a
# sandbox but for those that user code sets.
utf8 <- function(x) {
  latin <- Encoding(x) == "latin1"
  if (any(latin)) x[latin] <- enc2utf8(x[latin])
  bad <- !validUTF8(x)
  if (any(bad)) x[bad] <- iconv(x[bad], "UTF-8", "UTF-8", sub = "byte")
  Encoding(x) <- "UTF-8"
  x
}

kEscaped <- c("\\" = "\\\\", "\"" = "\\\"", "\n" = "\\n", "\t" = "\\t", "\r" = "\\r")

escape <- function(x) {
  codes <- setdiff(1:31, c(9L, 10L, 13L))
  all <- c(kEscaped, structure(sprintf("\\u%04x", codes), names = intToUtf8(codes, multiple = TRUE)))
  for (i in seq_along(all)) x <- gsub(names(all)[i], all[[i]], x, fixed = TRUE, useBytes = TRUE)
  Encoding(x) <- "UTF-8"
  x
}

json_string <- function(x) {
  missing <- is.na(x)
  x <- utf8(as.character(x))
  if (length(x) == 1L) {
    # As below, but without the price of a regular expression.
    bytes <- charToRaw(x)
    if (any(bytes < as.raw(32L) | bytes == as.raw(34L) | bytes == as.raw(92L))) x <- escape(x)
  } else {
    special <- grepl("[\\\\\"\001-\037]", x, useBytes = TRUE)
    if (any(special)) x[special] <- escape(x[special])
  }
  x <- paste0("\"", x, "\"")
  if (any(missing)) x[missing] <- "null"
  x
}

json_array <- function(items) paste0("[", paste(items, collapse = ","), "]")
json_strings <- function(x) if (length(x)) json_array(json_string(x)) else "[]"

# sprintf() knows no option; LC_NUMERIC can be set against all advice.
json_number <- function(x) {
  text <- sprintf("%.15g", x)
  if (any(grepl(",", text, fixed = TRUE))) text <- sub(",", ".", text, fixed = TRUE)
  bad <- !is.finite(x)
  if (any(bad)) text[bad] <- "null"
  text
}

json_count <- function(x) sprintf("%.0f", x)

# Fields that are NULL are left out; one that is a list is an object itself.
json_object <- function(fields) {
  names <- names(fields)
  pieces <- NULL
  for (i in seq_along(fields)) {
    one <- fields[[i]]
    if (length(one)) pieces <- c(pieces, ",\"", names[i], "\":", if (is.list(one)) json_object(one) else one)
  }
  if (is.null(pieces)) return("{}")
  pieces[1L] <- "{\""
  paste0(c(pieces, "}"), collapse = "")
}

# At most n bytes of each, and dots for the rest; whole characters.
clip_each <- function(x, n = 200L) {
  x <- utf8(x)
  long <- !is.na(x) & nchar(x, "bytes") > n
  if (any(long)) x[long] <- vapply(x[long], function(one) {
    bytes <- charToRaw(one)[seq_len(n + 1L)]
    starts <- which((bytes & as.raw(0xc0L)) != as.raw(0x80L))
    paste0(utf8(rawToChar(bytes[seq_len(starts[length(starts)] - 1L)])), "...")
  }, "")
  x
}

clip <- function(x, n = 200L) {
  clip_each(if (length(x) == 1L) as.character(x) else paste(utf8(as.character(x)), collapse = " "), n)
}

# The value of `expression`, or NULL where it fails: a part of a report that cannot be made is missing.
# tryCatch() would be a tenth of a short run.
part <- function(expression, handlers = kAtError) {
  ended <- FALSE
  guard({
    value <- expression
    ended <- TRUE
  }, handlers)
  if (ended) value
}
kAtError <- list(error = function(e) NULL)
kAtWarning <- list(error = function(e) NULL, warning = function(e) NULL)

# The same for what may also be interrupted, or jump to the top level.
whole_part <- function(expression) {
  withRestarts(tryCatch(expression, error = function(e) NULL, interrupt = function(e) NULL),
               abort = function() NULL)
}

# The same for what may also take its time, as it runs what the code has made.
briefly <- function(seconds, expression) {
  tryCatch(allowInterrupts({
    setTimeLimit(elapsed = seconds, transient = TRUE)
    expression
  }), error = function(e) NULL, interrupt = function(e) NULL, finally = setTimeLimit())
}
