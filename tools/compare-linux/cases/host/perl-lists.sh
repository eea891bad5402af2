/usr/bin/perl -e 'print join(",", map { $_ ** 2 } grep { $_ % 2 } 1 .. 9), "\n"'
