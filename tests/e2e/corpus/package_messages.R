library(survival)
library(nlme)
library(mgcv)
library(MASS)
select <- 1
library(lattice)
library(Matrix)
Matrix(diag(2), sparse = TRUE)
