# A root of its own with busybox alone, and devices in it.
cd /tmp
mkdir -p root/bin root/dev root/tmp root/etc
cp /bin/busybox root/bin
for applet in sh ls cat pwd head wc mknod; do ln -s busybox root/bin/$applet; done
echo inside > root/etc/file
mknod root/dev/null c 1 3 && echo null made
mknod -m 600 root/dev/zero c 1 5 && echo zero made
mknod root/dev/disk b 8 1 && echo disk made
mknod root/pipe p && echo pipe made
mknod root/dev/null c 1 3 || echo "no: $?"
chroot root /bin/sh -c 'pwd; ls /; cat /etc/file; cd ..; cat etc/file; head -c 5 /dev/zero | wc -c; echo x > /dev/null; cat /dev/null; ls -l /dev/null | head -c 10; echo'
chroot root cat /dev/disk 2>&1
chroot missing true 2>&1 || echo "status $?"
chroot root /bin/absent 2>&1 || echo "status $?"
chroot root cat /tmp/../../../../etc/file
(cd root && chroot . /bin/pwd)
cat root/dev/zero | head -c 3 | od -An -c
