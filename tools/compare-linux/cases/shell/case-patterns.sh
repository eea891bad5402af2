for w in apple b3 '' '*' xyz; do
  case $w in
    a*) echo a ;;
    [a-z][0-9]) echo letter digit ;;
    '') echo empty ;;
    '*') echo star ;;
    x|xyz) echo or ;;
  esac
done
