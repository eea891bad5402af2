cat; echo status $?
