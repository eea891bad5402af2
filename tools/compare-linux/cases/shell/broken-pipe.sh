( yes; echo $? >&2 ) 2>/tmp/s | head -n 1; sleep 0.05; cat /tmp/s
