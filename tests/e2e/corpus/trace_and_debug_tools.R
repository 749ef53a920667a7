f <- function(x) x + 1
trace('f', quote(cat('tracing\n')), print = FALSE)
f(1)
untrace('f')
f(2)
system.time(for (i in 1:10) i)[['user.self']] >= 0
isdebugged(f)
invisible(Rprof(NULL))
object.size(1:10)
identical(all.equal(1, 1 + 1e-10), TRUE)
tracemem |> is.function()
