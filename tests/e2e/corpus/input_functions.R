x <- readline('your name: ')
x
readLines('stdin')
con <- file('stdin'); readLines(con, n = 1); close(con)
scan(text = '1 2 3')
scan(text = 'a,b', what = '', sep = ',', quiet = TRUE)
menu(c('a', 'b'))
invisible(readline())
interactive()
