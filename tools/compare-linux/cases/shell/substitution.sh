x=$(echo a; echo b)
echo "$x"
echo [$x]
