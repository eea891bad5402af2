echo both | tee /tmp/f | tr a-z A-Z; cat /tmp/f
