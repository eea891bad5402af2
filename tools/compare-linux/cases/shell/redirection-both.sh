echo a > /tmp/f; exec 4<> /tmp/f; read x <&4; echo $x; echo b >&4; cat /tmp/f
