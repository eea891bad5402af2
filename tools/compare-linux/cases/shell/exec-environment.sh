A=1 B=2 sh -c 'echo $A $B'; echo [$A]; export C=3; sh -c 'echo $C'
