/usr/bin/perl -e 'my %n; $n{$_}++ for split //, "mississippi"; print "$_$n{$_} " for sort keys %n; print "\n"'
