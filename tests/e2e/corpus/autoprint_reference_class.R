Acc <- setRefClass('Acc', fields = list(b = 'numeric'), methods = list(show = function() cat('Balance', b, '\n'), put = function(x) { b <<- b + x; invisible(.self) }))
a <- Acc$new(b = 1)
a
a$put(3)
a
