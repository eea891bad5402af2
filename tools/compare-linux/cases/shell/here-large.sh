i=0; t=x; while [ $i -lt 13 ]; do t=$t$t; i=$((i + 1)); done
cat <<END | wc -c
$t$t
END
