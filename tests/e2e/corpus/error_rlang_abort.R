f <- function() rlang::abort('an rlang error', class = 'special')
tryCatch(f(), special = function(e) cat('caught', conditionMessage(e), '\n'))
