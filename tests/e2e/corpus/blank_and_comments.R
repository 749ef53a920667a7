# a comment
   # indented

1 # trailing


  2  
#last
