f <- function(x) { stopifnot('x must be positive' = x > 0, is.numeric(x)); x }
f(1)
f(-1)
