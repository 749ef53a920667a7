withCallingHandlers({ warning('w1'); 'value' }, warning = function(w) { cat('handling', conditionMessage(w), '\n'); invokeRestart('muffleWarning') })
withCallingHandlers({ message('m1'); 10 }, message = function(m) cat('got:', conditionMessage(m)))
withRestarts(invokeRestart('mine', 5), mine = function(x) x * 2)
computeRestarts()[[1]]
