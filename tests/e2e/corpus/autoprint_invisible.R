invisible(3)
x <- 4
(invisible(5))
f <- function() invisible(6)
f()
y <- f(); y
if (TRUE) invisible(7)
assign('z', 8)
library(stats)
suppressWarnings(9)
withVisible(invisible(3))$visible
