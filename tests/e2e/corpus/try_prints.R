try(log(-1))
try(stop('oops'))
x <- try(stop('silent'), silent = TRUE)
class(x)
cat(x)
x
inherits(x, 'try-error')
try(f_not_there())
