writeLines(c('a <- 10', 'print(a)', 'a', 'invisible(a)', '"last"'), 's.R')
source('s.R')
source('s.R', echo = TRUE)
source('s.R', print.eval = TRUE)
x <- source('s.R')
x$visible
sys.source('s.R', new.env())
writeLines('stop("in the file")', 'bad.R')
source('bad.R')
