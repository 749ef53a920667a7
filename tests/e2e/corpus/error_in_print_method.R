print.bad <- function(x, ...) stop('cannot print')
structure(1, class = 'bad')
