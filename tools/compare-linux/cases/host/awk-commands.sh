/usr/bin/awk 'BEGIN { while ("/usr/bin/seq 5" | getline n) s += n; print s; system("exit 3") }'
