[ -e data ] && [ -d data ] && [ ! -f data ] && [ -f data/fruit ] && [ -s data/fruit ] && [ -L bin/ls ] && [ -x bin/busybox ] && echo all
[ -p /dev/stdin ] || [ ! -t 0 ] && echo no terminal
