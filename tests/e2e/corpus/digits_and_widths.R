pi; exp(1)^20; 1/3
options(digits = 3); pi
options(width = 40); 1:30
options(scipen = 10); 1e10
format(1234567.891, big.mark = ',')
prettyNum(1e6, big.mark = ' ')
round(-1.5); signif(123456, 2)
c(1e-10, 1, 1e10)
c(0.00001, 123456)
.Machine$integer.max
2147483647L + 1L
1:3 / 0
sqrt(-1)
