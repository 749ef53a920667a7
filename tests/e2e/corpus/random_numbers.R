set.seed(42)
rnorm(3)
sample(10)
runif(2)
set.seed(1, kind = 'Mersenne-Twister')
sample(letters, 4)
RNGkind()
set.seed(7); x <- rexp(2); x
rbinom(3, 10, 0.5)
