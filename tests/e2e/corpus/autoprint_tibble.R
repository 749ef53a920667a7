library(tibble)
tibble(a = 1:3, b = c('x', 'y', NA), c = list(1, 2, 3))
as_tibble(head(mtcars))
