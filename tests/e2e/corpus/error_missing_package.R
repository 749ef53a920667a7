library(no.such.package)
