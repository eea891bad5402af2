cat &
wait
echo empty
