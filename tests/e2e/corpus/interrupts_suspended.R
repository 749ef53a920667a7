suspendInterrupts({ x <- 1; x })
allowInterrupts(2)
suspendInterrupts(cat('inside\n'))
