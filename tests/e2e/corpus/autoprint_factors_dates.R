factor(c('a', 'b', 'a'))
as.Date('2024-02-29') + 0:2
as.POSIXct(0, origin = '1970-01-01', tz = 'UTC')
ISOdate(2020, 1, 1)
as.difftime(90, units = 'mins')
cut(1:5, 2)
ordered(c('lo', 'hi'), levels = c('lo', 'hi'))
