cat('x\n')
1 + 1