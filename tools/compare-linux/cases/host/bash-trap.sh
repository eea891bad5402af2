/usr/bin/bash -c 'trap "echo term" TERM; kill $$; printf "%(%Y)T\n" 86400; echo $SECONDS $BASH_SUBSHELL'
