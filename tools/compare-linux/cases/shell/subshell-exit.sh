( exit 3 ); echo $?; ( exit 0 ) && echo yes
