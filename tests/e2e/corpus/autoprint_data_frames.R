head(mtcars)
summary(iris)
data.frame()
data.frame(x = c(1.123456, NA), s = c('a', NA))
mtcars[1:2, ]
aggregate(mpg ~ cyl, mtcars, mean)
str(iris)
