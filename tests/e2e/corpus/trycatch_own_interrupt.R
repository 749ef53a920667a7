r <- tryCatch({ 42 }, interrupt = function(e) 'interrupted')
r
tryCatch(stop('e'), interrupt = function(e) 'i', error = function(e) 'an error')
