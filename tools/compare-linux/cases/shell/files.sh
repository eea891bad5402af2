cd /tmp; echo 1 > a; cp a b; ln b c; ln -s c d; cat d; mv a e; rm b; ls; stat -c %h c; cmp c e && echo same
