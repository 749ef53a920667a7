options(error = quote(cat('the user\'s handler\n')))
f <- function() stop('handled by option')
f()
