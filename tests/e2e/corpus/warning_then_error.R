f <- function() { warning('careful'); stop('failed') }
f()
