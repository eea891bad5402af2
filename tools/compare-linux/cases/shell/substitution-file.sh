x=$(cat data/fruit | head -n 1)
echo $x
