nargs |> is.function()
is.null(sys.on.exit())
R.version$language
capabilities('cairo')[[1]]
nzchar(Sys.getenv('HOME'))
Sys.getenv('LANG')
is.function(print)
conflicts() |> is.character()
inherits(sessionInfo(), 'sessionInfo')
file.access('/etc', 2)[[1]]
length(dev.list())
getOption('digits'); getOption('width'); getOption('OutDec'); getOption('warn'); getOption('scipen')
getOption('keep.source'); getOption('encoding'); getOption('browserNLdisabled'); getOption('echo')
getOption('CRAN') |> is.null()
