set -- a b c; echo $# $* $- | sed 's/ [a-zA-Z]*$//'; echo $0; [ $$ -gt 0 ] && echo pid
