sort data/numbers | sed -n '1p;$p'; awk -F: '{print $1}' data/table | sort -r | tr '\n' ' '
