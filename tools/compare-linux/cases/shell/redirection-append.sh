echo a > /tmp/f; echo b >> /tmp/f; cat /tmp/f; wc -c < /tmp/f
