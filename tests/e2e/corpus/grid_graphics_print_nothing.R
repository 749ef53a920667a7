library(ggplot2)
p <- ggplot(mtcars, aes(wt, mpg)) + geom_point()
p
lattice::xyplot(mpg ~ wt, mtcars)
grid::grid.newpage()
ggplot(mtcars, aes(wt, mpg)) + geom_smooth()
