f <- function(x) g(x)
g <- function(y) stop('deep: ', y)
f(3)
