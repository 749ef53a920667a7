options(OutDec = ',')
1.5
options(prompt = 'hey> ', continue = '... ')
1 +
  1
options(echo = FALSE)
2
options(max.print = 5)
1:20
options(keep.source = TRUE)
function(x) x # kept
