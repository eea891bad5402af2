sh -c '( sleep 0.1; echo orphan > /tmp/o ) &'; sleep 0.3; cat /tmp/o
