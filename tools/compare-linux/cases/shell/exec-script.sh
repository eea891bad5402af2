printf '#!/bin/sh\necho script $1 $#\nexit 6\n' > /tmp/run; chmod +x /tmp/run; /tmp/run a b; echo $?
