x=before
echo after | { read x; echo in $x; }
echo out $x
