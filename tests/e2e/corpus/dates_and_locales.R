Sys.getlocale('LC_COLLATE')
sort(c('b', 'A', 'a', 'B', 'ä'))
format(as.Date('2024-03-01'), '%A %d %B %Y')
Sys.timezone()
as.POSIXct('2024-07-01 12:00', tz = 'UTC') + 3600
months(as.Date('2024-12-01'))
l10n_info()$`UTF-8`
strftime(as.POSIXlt('2024-01-02', tz = 'UTC'), '%j')
OlsonNames() |> length() > 100
