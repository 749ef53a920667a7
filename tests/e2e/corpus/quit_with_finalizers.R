reg.finalizer(globalenv(), function(e) cat('finalizer ran\n'), onexit = TRUE)
.Last <- function() cat('.Last ran\n')
q('no')
