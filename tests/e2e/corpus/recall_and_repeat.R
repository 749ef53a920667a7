fac <- function(n) if (n <= 1) 1 else n * Recall(n - 1)
fac(10)
i <- 0
repeat { i <- i + 1; if (i == 3) next; if (i > 5) break; cat(i, '') }
cat('\n')
while (i > 0) i <- i - 1
i
for (x in list(1, 'a', TRUE)) print(x)
for (i in seq_len(0)) print('never')
x <- for (i in 1:3) i
x
switch('b', a = 1, b = 2)
switch('z', a = 1)
do.call(sum, list(1, 2, 3))
