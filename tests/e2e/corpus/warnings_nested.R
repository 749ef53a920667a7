f <- function() { on.exit(warning('in on.exit')); g() }
g <- function() { warning('in g'); h() }
h <- function() { warning('in h'); 'value' }
f()
withCallingHandlers(f(), warning = function(w) { message('caught: ', conditionMessage(w)); invokeRestart('muffleWarning') })
warnings()
cat('end\n')
