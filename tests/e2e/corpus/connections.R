tc <- textConnection('a\nb'); readLines(tc); close(tc)
f <- tempfile(); cat('x,y\n1,2\n', file = f); read.csv(f)
write.csv(head(cars, 2), row.names = FALSE)
con <- gzfile(f, 'w'); writeLines('zipped', con); close(con); readLines(f)
rc <- rawConnection(raw(0), 'w'); writeBin(1:2, rc); rawConnectionValue(rc); close(rc)
saveRDS(1:3, f); readRDS(f)
dput(list(a = 1, b = 'c'))
dump('f', ''); nrow(showConnections()) == 0
