/usr/bin/bash -c 'trap "echo term" TERM; kill $$; printf "%(%Y)T\n" 86400; echo $((SECONDS < 5)) $BASH_SUBSHELL'
