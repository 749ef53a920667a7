eval(quote(1 + 1))
evalq(x <- 5, globalenv())
x
with(mtcars, mean(mpg))
within(data.frame(a = 1:2), b <- a * 2)
eval(parse(text = 'y <- 1; y + 1'))
source(textConnection('z <- 3\nz'), echo = FALSE)
z
local({ a <- 1; a + 1 })
exists('a')
(\(x) x^2)(4)
c(3, 1, 2) |> sort()
