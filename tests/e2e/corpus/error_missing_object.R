mean(no_such_object)
