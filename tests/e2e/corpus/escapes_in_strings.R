'tab\tnew\nline'
cat('a\\b\n')
"quote \" inside"
'bell\a'
'null-ish \001'
print('x\ty', quote = FALSE)
noquote('plain')
cat('\033[31mred\033[0m\n')
dQuote('q', FALSE); sQuote('q')
encodeString('a\nb')
shQuote("it's")
