set -C; echo a > /tmp/f; echo b > /tmp/f; echo $?; echo c >| /tmp/f; cat /tmp/f
