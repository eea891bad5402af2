ulimit -n; ulimit -f; ulimit -n 64; ulimit -n
