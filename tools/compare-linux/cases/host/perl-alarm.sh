/usr/bin/perl -e '$SIG{ALRM} = sub { print "alarm\n"; exit 5 }; alarm 1; 1 while 1'
