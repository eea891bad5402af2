f() { echo $# "$1" "$*"; shift; echo "$@"; }
f 'a b' c d
