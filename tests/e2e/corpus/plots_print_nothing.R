plot(1:3)
lines(3:1)
h <- hist(c(1, 2, 2), plot = FALSE)
h$counts
boxplot(mpg ~ cyl, mtcars)$n
b <- barplot(1:3)
b
invisible(dev.off())
cat('done\n')
