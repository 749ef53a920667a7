options(error = function() cat('function handler\n'))
stop('x')
