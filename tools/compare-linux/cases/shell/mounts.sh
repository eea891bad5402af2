# mount, umount, df, unshare and pivot_root of busybox. It has to be run by who may mount; its answer is kept beside it.
mkdir /tmp/m
mount -t tmpfs -o size=1m,nr_inodes=20 disk /tmp/m || exit 1
cd /tmp/m
mkdir a b c
mount | grep /tmp/m
df /tmp/m
df -i /tmp/m
dd if=/dev/zero of=a/f bs=4096 count=100 2>/dev/null
df -k a
dd if=/dev/zero of=a/g bs=4096 count=300 2>&1 | grep -v copied
rm a/g
mount --bind a b
ls b
mount -o remount,ro,bind b
touch b/new; echo $?
touch a/new; echo $?
mount -o remount,rw,bind b
touch b/newer; echo $?
ls a
mount -t tmpfs -o ro inner a
touch a/x; echo $?
ls b a
umount a
mount -o remount,size=2m .
df /tmp/m
mount --move b c
ls b c
umount c && umount c; echo $?
mount -t absent none a; echo $?
mount -o colour=red -t tmpfs none a; echo $?
umount /tmp/m; echo $?
mount -o remount,size=8m .
mkdir root root/proc root/bin root/old
cp /bin/busybox root/bin
mount -t proc proc root/proc
ls -d root/proc/self/cmdline
umount root/proc
unshare -m sh -c 'mount -t tmpfs none c; cd c; mkdir bin old; cp /bin/busybox bin; pivot_root . old; exec /bin/busybox chroot . /bin/busybox sh -c "busybox umount -l /old; busybox ls /; busybox ls old"'
ls c
stat -f -c "%T %b %d" .
cat /proc/mounts | grep -c /tmp/m
cd /
umount -l /tmp/m
rmdir /tmp/m
