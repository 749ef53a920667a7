b <- txtProgressBar(0, 5, style = 3)
for (i in 1:5) setTxtProgressBar(b, i)
close(b)
cat('10%\r50%\r100%\n')
