/usr/bin/awk -F : '{ n += $2 } END { printf "%d %.3f\n", n, sqrt(n) }' data/table
