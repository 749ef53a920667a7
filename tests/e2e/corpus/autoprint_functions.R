f <- function(x, y = 2) {
  x + y # with a comment
}
body(f)
formals(f)
args(sum)
quote(if (a) b else c)
expression(a + b, c)
as.name('x')
y ~ x + z
