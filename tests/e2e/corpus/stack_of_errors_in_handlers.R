tryCatch({ tryCatch(stop('inner'), error = function(e) stop('outer from handler')) }, error = function(e) cat('got:', conditionMessage(e), '\n'))
tryCatch(stop('a'), error = function(e) stop('unhandled from handler'))
