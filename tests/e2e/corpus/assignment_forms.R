x <- y <- 3; x; y
names(x) <- 'n'; x
x[['m']] <- 4; x
l <- list(); l$a$b <- 1; l
`my<-` <- function(x, value) { attr(x, 'my') <- value; x }
my(x) <- 'attr'; x
x[5] <- 9; x
attributes(x)
is.na(x) <- 1; x
1 -> a -> b; b
T <- 0; T; rm(T); T
