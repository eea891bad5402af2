# A port that nobody has, told by the server itself.
port=27070
until nc -l -p $port -s 127.0.0.1 </dev/null >/tmp/got 2>/tmp/error & server=$!; sleep 0.2; kill -0 $server 2>/dev/null; do port=$((port + 1)); done
until echo 'over the loopback' | nc 127.0.0.1 $port 2>/dev/null; do sleep 0.1; done
wait $server
cat /tmp/got
nc 127.0.0.1 $port </dev/null 2>/dev/null; echo "status $?"
