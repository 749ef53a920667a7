cat('before\n')
quit(save = 'no')
cat('never\n')
