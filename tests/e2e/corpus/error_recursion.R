f <- function(n) f(n + 1)
tryCatch(f(1), error = function(e) cat('too deep:', grepl('nested too deeply|C stack', conditionMessage(e)), '\n'))
