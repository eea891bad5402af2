echo one two | tr a-z A-Z
echo status $?
