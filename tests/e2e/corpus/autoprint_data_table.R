library(data.table)
dt <- data.table(a = 1:3, b = letters[1:3])
dt
dt[, c := a * 2]
dt
dt[a > 1, .(s = sum(c)), by = b]
dt[, d := 1][]
