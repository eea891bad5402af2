printf 'a\\b\\\nc\n' > /tmp/f; read x < /tmp/f; echo "$x"; read -r x < /tmp/f; echo "$x"
