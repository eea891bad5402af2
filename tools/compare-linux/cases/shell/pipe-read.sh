printf 'a\nb\nc\n' | while read line; do echo "<$line>"; done
