1+1
browser
