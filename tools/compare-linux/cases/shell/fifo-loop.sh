mkfifo /tmp/p; ( for i in 1 2 3; do echo $i; done ) > /tmp/p & while read x; do echo got $x; done < /tmp/p; wait
