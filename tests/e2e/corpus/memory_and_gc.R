x <- 1:1e6
invisible(gc())
rm(x)
invisible(gc(verbose = FALSE))
length(numeric(1e6))
tryCatch(numeric(1e15), error = function(e) cat('cannot:', grepl('allocate|memory', conditionMessage(e)), '\n'))
