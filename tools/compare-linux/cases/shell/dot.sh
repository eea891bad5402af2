echo 'v=sourced; f() { echo f $1; }' > /tmp/lib; . /tmp/lib; echo $v; f arg
