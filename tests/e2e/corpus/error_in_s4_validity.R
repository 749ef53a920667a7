setClass('V', representation(x = 'numeric'), validity = function(object) if (object@x < 0) 'negative x' else TRUE)
new('V', x = 1)@x
new('V', x = -1)
