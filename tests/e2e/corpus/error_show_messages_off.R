options(show.error.messages = FALSE)
try(stop('unseen'))
cat('goes on\n')
