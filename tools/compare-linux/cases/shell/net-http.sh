mkdir -p /tmp/www && echo 'a page' >/tmp/www/index.html && seq 1 5000 >/tmp/www/numbers
# The first port that is free, from one on that nobody is likely to have.
port=28080
until httpd -p 127.0.0.1:$port -h /tmp/www 2>/dev/null; do port=$((port + 1)); done
wget -q -O - http://127.0.0.1:$port/
wget -q -O - http://127.0.0.1:$port/numbers | tail -n 1
wget -q -O - http://127.0.0.1:$port/none 2>/dev/null; echo "status $?"
rm -r /tmp/www
for p in /proc/[0-9]*; do
  case "$(tr '\0' ' ' <$p/cmdline 2>/dev/null)" in *"127.0.0.1:$port "*) kill ${p#/proc/} ;; esac
done
