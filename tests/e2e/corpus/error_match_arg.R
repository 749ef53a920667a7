f <- function(type = c('one', 'two')) match.arg(type)
f('three')
