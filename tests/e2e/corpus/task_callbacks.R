n <- 0
id <- addTaskCallback(function(expr, value, ok, visible) { n <<- n + 1; TRUE }, name = 'mine')
1
2
n > 0
removeTaskCallback('mine')
getTaskCallbackNames() |> is.character()
