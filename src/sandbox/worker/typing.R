# ---- what a person types -------------------------------------------------------------------------
# Asked at a console's prompt, where nothing runs: none of it is an execution, or is kept.

kWords <- 500L        # that may complete one, and are told
kWordsSeconds <- 2    # for finding them: methods of the code's may be asked

# How many of the lines R would read before it ran the first of what they say; "more" where it would go on
# reading, "nothing" where there is nothing to run.
tell_whole <- function(request) {
  code <- text_of(request$body)
  Encoding(code) <- "UTF-8"
  lines <- strsplit(code, "\n", fixed = TRUE, useBytes = TRUE)[[1L]]
  Encoding(lines) <- "UTF-8"
  if (!length(lines)) return("nothing")
  refs <- attr(part(parse(text = code, n = 1L, keep.source = TRUE, encoding = "UTF-8")), "srcref")
  end <- if (length(refs)) as.integer(refs[[1L]])[8L] else length(lines)
  read <- read_lines(lines[seq_len(end)])
  # Behind the first expression another may begin on its line.
  if (read == "more" && end < length(lines)) read_lines(lines) else read
}

read_lines <- function(lines) {
  state <- state_of(lines)
  if (state != "wrong") return(if (state == "whole") json_count(length(lines)) else state)
  # What is wrong R does not always say the line of. Up to that it would go on reading.
  more <- 0L
  wrong <- length(lines)
  while (wrong - more > 1L) {
    middle <- (more + wrong) %/% 2L
    if (state_of(lines[seq_len(middle)]) == "wrong") wrong <- middle else more <- middle
  }
  json_count(wrong)
}

# Where R stops reading it says in whatever language. Only what ends before it should has its error in
# column 0.
state_of <- function(lines) {
  failed <- NULL
  parsed <- tryCatch(parse_text(lines), error = function(e) failed <<- conditionMessage(e))
  if (is.null(failed)) return(if (length(parsed)) "whole" else "nothing")
  if (grepl("^<text>:[0-9]+:(0:|[0-9]+: [^\n]*INCOMPLETE_STRING)", failed, useBytes = TRUE)) "more" else "wrong"
}

# What R's own console would offer behind a line: the beginning that it replaces, and the words.
find_words <- function(line) {
  utils <- asNamespace("utils")
  utils$.assignLinebuffer(line)
  utils$.assignEnd(nchar(line))
  utils$.guessTokenFromLine()
  utils$.completeToken()
  list(token = utils$.CompletionEnv[["token"]], words = utils$.retrieveCompletions())
}

tell_words <- function(request) {
  line <- text_of(request$body)
  Encoding(line) <- "UTF-8"
  found <- briefly(kWordsSeconds, find_words(line))
  check_channels()
  words <- unique(utf8(as.character(found$words)))
  json_object(list(
    token = json_string(clip(if (length(found$token)) found$token else "", 1000L)),
    words = json_strings(first_of(words[nchar(words, "bytes") <= 200L], kWords)),
    count = json_count(length(words))))
}
