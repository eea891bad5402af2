( set -e; false; echo no ); echo $?; ( set -e; false || true; echo yes ); ( set -e; if false; then :; fi; echo too )
