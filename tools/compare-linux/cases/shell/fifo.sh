mkfifo /tmp/p; echo through > /tmp/p & cat /tmp/p; wait
