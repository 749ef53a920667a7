log('a')
