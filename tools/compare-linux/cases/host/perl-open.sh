/usr/bin/perl -e 'open F, "-|", "/usr/bin/seq", 3; print while <F>; close F; print "$?\n"'
