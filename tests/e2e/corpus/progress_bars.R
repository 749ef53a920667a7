b <- txtProgressBar(0, 5, style = 1)
for (i in 1:5) setTxtProgressBar(b, i)
close(b)
