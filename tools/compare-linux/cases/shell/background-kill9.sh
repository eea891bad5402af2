sleep 10 &
kill -9 $!
wait $! 2>/dev/null
echo $?
