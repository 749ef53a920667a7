for (i in 1:12) warning('number ', i)
cat('next\n')
for (i in 1:60) warning('number ', i)
for (i in 1:3) warning(strrep('long text ', 20))
