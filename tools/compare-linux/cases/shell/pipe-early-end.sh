seq 1 100000 | head -n 2
yes | head -n 3
