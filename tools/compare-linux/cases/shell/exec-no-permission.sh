echo echo hi > /tmp/plain; /tmp/plain; echo $?; /tmp; echo $?
