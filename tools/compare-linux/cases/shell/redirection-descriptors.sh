exec 3> /tmp/f; echo three >&3; exec 3>&-; cat /tmp/f
echo x 2>/dev/null >&3 || echo closed
