sleep 0.2 & p=$!
kill -STOP $p; kill -CONT $p
wait $p; echo $?
