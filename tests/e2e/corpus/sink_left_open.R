cat('seen\n')
sink('left.txt')
cat('hidden\n')
print('hidden')
