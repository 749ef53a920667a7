for (i in 1:5) { cat('out', i, '\n'); message('err ', i) }
write('to stderr', stderr())
print(1)
write('to stdout', stdout())
