cat('line one\n')
1 + 1
x <- (2 +
 3))
cat('never\n')
