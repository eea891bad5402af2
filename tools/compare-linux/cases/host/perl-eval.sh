/usr/bin/perl -e 'eval { die { code => 3 } }; print $@->{code}, "\n"; local $/; open F, "data/fruit"; print length <F>, "\n"'
