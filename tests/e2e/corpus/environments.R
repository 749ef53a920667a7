e <- new.env()
assign('a', 1, e)
ls(e)
get('a', e)
environmentName(globalenv())
environmentName(topenv())
ls()
rm(list = ls())
ls()
exists('e')
f <- function() { x <<- 10 }
f()
x
lockBinding('x', globalenv())
try(x <- 11)
makeActiveBinding('now', function() 'active', globalenv())
now
delayedAssign('lazy', { cat('forced\n'); 1 })
lazy
lazy
