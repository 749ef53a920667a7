f <- function(x) { warning('first of f'); warning('second of f'); x }
f(1)
as.integer('x')
1:3 + 1:2
cat('between\n')
warning('at top level')
x <- as.numeric(c('1', 'b'))
