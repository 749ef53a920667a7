# ---- what a person types -------------------------------------------------------------------------
# Asked at a console's prompt, where nothing runs: none of it is an execution, or is kept.

kWords <- 500L        # that may complete one, and are told
kWordsSeconds <- 2    # for finding them: methods of the code's may be asked

# Whether code is whole: R says where it stopped reading, in whatever language. Only what ends before it
# should has its error in column 0.
tell_whole <- function(request) {
  code <- text_of(request$body)
  Encoding(code) <- "UTF-8"
  failed <- NULL
  parsed <- tryCatch(parse_text(code), error = function(e) failed <<- conditionMessage(e))
  if (is.null(failed)) return(if (length(parsed)) "whole" else "nothing")
  if (grepl("^<text>:[0-9]+:(0:|[0-9]+: [^\n]*INCOMPLETE_STRING)", failed, useBytes = TRUE)) "more" else "whole"
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
