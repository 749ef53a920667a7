5
.Last.value
x <- .Last.value * 2
x
invisible(9)
.Last.value
