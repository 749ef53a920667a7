x = 5; x
5 -> y; y
`strange name` <- 1; `strange name`
{ 1; 2 }
if (x > 3) 'big' else 'small'
function(x) x
r"(raw \ string)"
0x1F; 1L; 1e-3; .5
'single "inside"'
"tab\there"
-2^2; (-2)^2; 5 %/% 2; 5 %% 3
!TRUE & FALSE
~ a
'\u00e9\U1F600'
# only a comment
