f <- function() { on.exit(cat('first\n')); on.exit(cat('second\n'), add = TRUE); cat('body\n'); invisible(1) }
f()
g <- function() { on.exit(cat('cleanup\n')); stop('fails') }
try(g(), silent = TRUE)
g()
