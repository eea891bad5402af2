add() { echo $(($1 + $2)); }
add 2 3
f() { return 9; }
f; echo $?
