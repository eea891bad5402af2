{ echo a; echo b; } > /tmp/f; cat /tmp/f; ( echo c; echo d ) > /tmp/f; cat /tmp/f
