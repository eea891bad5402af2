ls missing > /tmp/f 2>&1; wc -l < /tmp/f
ls missing 2>&1 > /tmp/g | wc -l
