/usr/bin/perl -e 'die "no\n"'
