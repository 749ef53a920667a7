list(1, 'a', list(x = TRUE, y = NULL))
list(a = 1:3, b = list(c = 'deep'))
str(list(a = 1, b = 'x'))
setNames(list(1, 2), c('', 'n'))
