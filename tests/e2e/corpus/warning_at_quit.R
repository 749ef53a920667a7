f <- function() {
  warning('pending')
  quit(status = 0)
}
f()
