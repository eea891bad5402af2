{ echo a; sleep 0.05; echo b; } > /tmp/o &
wait
cat /tmp/o
