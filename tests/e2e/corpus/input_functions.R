x <- readline('your name: ')
x
readLines('stdin')
readLines(file('stdin'), n = 1)
scan(text = '1 2 3')
scan(text = 'a,b', what = '', sep = ',', quiet = TRUE)
menu(c('a', 'b'))
invisible(readline())
interactive()
