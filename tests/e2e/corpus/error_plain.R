cat('before\n')
stop('plain error')
cat('never\n')
