echo gone > /dev/null; cat /dev/null; head -c 3 /dev/zero | od -An -tx1
