seq 1 60000 | wc -c
seq 1 60000 | tail -n 1
