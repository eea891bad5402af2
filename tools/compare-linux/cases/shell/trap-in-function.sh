f() { trap 'echo f' EXIT; return 2; }
f
echo $?
