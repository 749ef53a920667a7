system('echo from shell')
x <- system('echo captured', intern = TRUE); x
system('echo to stderr >&2')
cat('between\n')
system('printf "no newline"')
cat('\n')
system2('echo', c('a', 'b'))
system('exit 3')
r <- system('true'); r
system('sh -c "echo one; echo two"')
pipe('echo piped') -> p; readLines(p); close(p)
system('cat')
Sys.setenv(MY_VAR = 'v'); system('echo $MY_VAR')
