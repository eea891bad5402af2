( ( ( echo deep; exit 2 ); echo $? ); echo $? )
