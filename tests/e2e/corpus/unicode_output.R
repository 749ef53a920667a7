'Grüße, 世界 🎉'
cat('naïve café\n')
print(c(a = 'ä', ö = 'b'))
nchar('日本語')
toupper('straße')
rev(strsplit('añb', '')[[1]])
data.frame(stadt = c('Köln', '東京'), n = 1:2)
message('Nachricht: ü')
sprintf('%5s|', 'é')
'\u200b'
'\x41\x42'
enc2native('ü')
iconv('ü', 'UTF-8', 'latin1')
format(c('a', 'ü', '世'))
utf8ToInt('€')
