# ulimit: what a shell sets its commands have.
ulimit -f 8
ulimit -f
(ulimit -n 20; ulimit -n; sh -c 'ulimit -n')
(ulimit -v 200000; sh -c 'ulimit -v')
(ulimit -t 5; sh -c 'ulimit -t')
(ulimit -s 1024; sh -c 'ulimit -s; echo stack')
(ulimit -c 0; sh -c 'ulimit -c')
(ulimit -S -d 100000; sh -c 'ulimit -d')
{ dd if=/dev/zero of=/tmp/large bs=1024 count=100; echo $?; } 2>/dev/null
ls -l /tmp/large | awk '{ print $5 }'
{ (ulimit -t 1; while :; do :; done); echo $?; } 2>/dev/null
