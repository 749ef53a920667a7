f <- function() { on.exit(stop('in on.exit')); stop('in body') }
f()
