library(parallel)
unlist(mclapply(1:4, function(i) i * 10, mc.cores = 2))
r <- mclapply(1:2, function(i) { if (i == 2) stop('child failed'); i }, mc.cores = 2)
r[[1]]
inherits(r[[2]], 'try-error')
j <- mcparallel(6 * 7)
mccollect(j)[[1]]
unlist(pvec(1:4, sqrt, mc.cores = 2))
