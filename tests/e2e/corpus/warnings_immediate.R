warning('now', immediate. = TRUE)
cat('after\n')
options(warn = 1)
f <- function() { warning('at once'); cat('then\n') }
f()
as.integer('x')
warning('no call', call. = FALSE)
