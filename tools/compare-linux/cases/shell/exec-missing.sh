( exec /missing/program ); echo $?
