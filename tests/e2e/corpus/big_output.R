for (i in 1:1500) cat('line', i, '\n')
1:2000
strrep('x', 3000)
