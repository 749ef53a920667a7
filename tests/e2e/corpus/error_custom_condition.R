stop(structure(class = c('mine', 'error', 'condition'), list(message = 'custom message', call = quote(custom(call)))))
