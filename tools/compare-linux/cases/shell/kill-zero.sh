sleep 1 & kill -0 $! && echo there; kill $!; wait 2>/dev/null
kill -0 99999 2>/dev/null || echo gone
