cat('no newline here')
stop('after it')
