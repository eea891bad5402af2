trap 'echo sig' USR1
( sleep 0.1; kill -USR1 $$ ) &
wait $!
echo $(($? > 128))
wait
