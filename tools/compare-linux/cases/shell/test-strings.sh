[ a '<' b ] 2>/dev/null; [ -z '' ] && [ -n x ] && [ x != y ] && [ 10 -gt 9 ] && echo ok
