x <- scan()
1 2 3

print(x)
readLines(stdin(), n = 2)
this is no R (
  } nor this
d <- read.csv(stdin())
a,b
1,2

d; y <- scan(n = 2)
4 5 6
y
con <- stdin()
readLines(con, 1)
Grüße 世界
for (i in 1:2) print(readLines(stdin(), 1)) # twice
one
two
f <- function() scan(what = '', sep = ',', nlines = 1, quiet = TRUE)
f()
a,b c
parse(text = '1 + 1')
readLines(n = 1)
last
readline('not read? ')
readLines('stdin')
