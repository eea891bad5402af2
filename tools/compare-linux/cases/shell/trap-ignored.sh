trap '' TERM
kill -TERM $$
echo alive
trap - TERM
kill -TERM $$
echo dead
