sh -c 'sh -c "exit 3"; echo $?; exit 4'; echo $?
