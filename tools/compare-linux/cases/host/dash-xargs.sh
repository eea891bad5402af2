/usr/bin/dash -c '/usr/bin/seq 20 | /usr/bin/xargs -n 5 -P 2 /usr/bin/printf "%s-%s-%s-%s-%s\n" | /usr/bin/sort'
