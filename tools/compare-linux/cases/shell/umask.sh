umask 027; umask; echo x > /tmp/f; mkdir /tmp/d; stat -c %a /tmp/f /tmp/d
