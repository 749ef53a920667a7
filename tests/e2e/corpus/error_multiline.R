stop('line one\nline two\nline three')
