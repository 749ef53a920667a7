x <- { warning('one'); warning('two'); stop('three') }
