library(R6)
A <- R6Class('A', public = list(n = 0, add = function() { self$n <- self$n + 1; invisible(self) }, print = function(...) cat('<A', self$n, '>\n')))
a <- A$new()
a
a$add()$add()
a$n
a
