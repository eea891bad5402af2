( set -u; echo $undefined_name; echo no ) 2>/dev/null; echo $?
