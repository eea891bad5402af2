echo 'a b  c d' > /tmp/f; read x y < /tmp/f; echo "[$x][$y]"; IFS=, read p q <<END
1,2,3
END
echo "[$p][$q]"
