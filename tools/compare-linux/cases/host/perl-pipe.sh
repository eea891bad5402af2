/usr/bin/perl -e 'pipe R, W; if (!fork) { print W "child\n"; exit } close W; print <R>; wait'
