cat data/fruit | sort | uniq -c | sort -rn | head -n 1
