cat('never\n')
y <- 'no end
z <- 1
