sink('out.txt')
print('into the file')
cat('also\n')
sink()
readLines('out.txt')
x <- capture.output(print(1:3), cat('c\n'))
x
capture.output(message('not captured'), type = 'output')
tc <- textConnection('lines', 'w'); sink(tc); print(5); sink(); close(tc)
lines
