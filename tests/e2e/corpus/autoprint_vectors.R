1:30
letters
c(a = 1, b = 2)
TRUE
NULL
character(0)
1e10; 1e5; 100000; 0.1 + 0.2
3+2i
as.raw(0:20)
