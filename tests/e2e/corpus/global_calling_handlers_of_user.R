globalCallingHandlers(message = function(m) cat('global:', conditionMessage(m)))
message('hello')
globalCallingHandlers(NULL) -> old
message('plain')
