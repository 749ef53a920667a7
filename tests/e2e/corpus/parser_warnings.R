1
b <- 100000000000L
{ cat('in\n'); 1.5L }
f <- function() 2.5L
options(warn = 1)
g <- 3.5L; cat('after\n')
options(warn = -1)
4.5L
options(warn = 0)
eval(parse(text = '5.5L'))
