/usr/bin/perl -e 'printf "%s\n", join " ", sort { $a <=> $b } map { int(1000 * sin $_) } 1 .. 20'
