cat < missing; echo $?
: < missing
echo still
