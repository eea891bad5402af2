mkdir -p /tmp/a/b; cd /tmp/a/b; pwd; cd ..; pwd; cd - ; cd /missing || echo no
