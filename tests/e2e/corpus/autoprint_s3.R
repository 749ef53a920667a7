print.money <- function(x, ...) { cat('$', format(unclass(x)), '\n'); invisible(x) }
structure(5, class = 'money')
x <- structure(6, class = 'money')
x
format.temp <- function(x, ...) paste0(unclass(x), ' C')
print.temp <- function(x, ...) print(format(x), quote = FALSE)
structure(c(20, 21), class = 'temp')
list(structure(5, class = 'money'), 2)
