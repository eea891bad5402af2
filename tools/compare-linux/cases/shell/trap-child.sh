trap 'echo never' USR1
( kill -USR1 $(sh -c 'echo $PPID'); echo survived )
echo $?
