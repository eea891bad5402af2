while read a b; do echo "$b-$a"; done <<END
1 2
3 4
END
