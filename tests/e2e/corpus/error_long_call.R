f <- function(argument_with_a_long_name, another_argument_with_a_long_name) stop('the message of an error that is long as well')
f(argument_with_a_long_name = 1, another_argument_with_a_long_name = 'two')
