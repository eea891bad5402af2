// A machine under load for long campaigns: Linux on two CPUs that works in bursts and sleeps between them. It changes file
// systems on a disk of the board and on a virtio disk, reads and writes a stick, asks for a lease, pings the gateway, sends
// files by HTTP from one network card to the other, and draws from the entropy device; what it finds it says.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { MachineOptions } from "../../host/machine.ts";
import { LoadError } from "../../load-error.ts";
import { BUSYBOX, busyboxInitrd, findLinux } from "../../platform/testdata/linux.ts";

const MODULES = [
  ...[
    "ahci",
    "ata_piix",
    "crc32c_generic",
    "crct10dif_generic",
    "crc64_rocksoft_generic",
    "sd_mod",
  ],
  ...["ext4", "virtio_pci", "virtio_blk", "virtio_net", "virtio_rng", "e1000"],
  ...["xhci_pci", "usb_storage"],
];

/** Bytes of each of the three disks. */
const DISK_BYTES = 24 * 2 ** 20;

/** What would be random in a new file system: the campaign of a seed is always the same. */
const ALWAYS = "6d7bf0b4-8a2c-4d50-9a43-0b8f3f5a7e11";

/** The cards have a network namespace each, as otherwise what goes from one to the other would not leave the kernel. */
const script = (pause: number): string => `
export PATH=/sbin:/bin
$B --install -s /bin 2>/dev/null || { $B mkdir -p /sbin; for t in $($B --list); do $B ln -sf /bin/busybox /bin/$t; done; }
mount -t sysfs sys /sys 2>/dev/null || { mkdir -p /sys; mount -t sysfs sys /sys; }
mkdir -p /a /v /www /tmp
i=0; while [ ! -b /dev/sda -o ! -b /dev/sdb -o ! -b /dev/vda ]; do sleep 0.1; i=$((i+1)); [ $i -gt 200 ] && break; done
for d in /sys/block/sd?; do
  case $(readlink -f $d) in *usb*) STICK=/dev/\${d##*/};; *) DISK=/dev/\${d##*/};; esac
done
mount -t ext4 $DISK /a
mount -t ext4 /dev/vda /v
ip link set lo up
ip link set eth0 up
ip addr add 10.0.2.20/24 dev eth0
cat > /tmp/server <<'END'
while ! ip link set eth1 up 2>/dev/null; do sleep 0.1; done
ip addr add 10.0.2.21/24 dev eth1
ip link set lo up
exec httpd -f -h /www
END
unshare -n sh /tmp/server &
sleep 0.2
ip link set eth1 netns $!
cat > /tmp/lease <<'END'
echo "lease: $1 $ip"
END
chmod +x /tmp/lease
head -c 300000 /bin/busybox > /www/file
echo "ready: $DISK $STICK $(nproc) CPUs"
net() {
  n=0
  while :; do
    n=$((n+1))
    echo "net $n: $(wget -q -O - http://10.0.2.21/file | md5sum)$(ping -q -c 3 -i 0.3 10.0.2.2 | grep -c ' 0% packet loss')"
    [ $((n % 16)) = 1 ] && udhcpc -n -q -i eth0 -s /tmp/lease 2>/dev/null
    sleep $((${pause} + n % 11))
  done
}
net &
n=0
while :; do
  n=$((n+1))
  f=$((n % 5)); mkdir -p /a/d$f /v/d$f
  dd if=/bin/busybox of=/a/d$f/f bs=16k skip=$f count=$((n % 11 + 3)) 2>/dev/null
  cp /a/d$f/f /v/d$f/g$((n % 3))
  [ $((n % 4)) = 0 ] && rm -rf /a/d$(((n + 2) % 5)) /v/d$(((n + 1) % 5))
  tar cf - -C /v d$f | md5sum > /v/sums
  dd if=/v/d$f/g$((n % 3)) of=$STICK bs=4096 seek=$((n % 100 * 30)) count=28 conv=fsync 2>/dev/null
  sync
  echo 3 > /proc/sys/vm/drop_caches
  stick=$(dd if=$STICK bs=4096 skip=$((n % 100 * 30)) count=28 2>/dev/null | md5sum)
  random=$(dd if=/dev/hwrng bs=64 count=4 2>/dev/null | md5sum)
  echo "disk $n: $(cat /v/sums) $stick $random $(cat /proc/uptime)"
  sleep $((${pause} + n % 13))
done
`;

/**
 * What the machine is made of; its files go to `folder`. Between bursts it sleeps for `pause` seconds and a few more. Throws
 * `LoadError` where there is no such Linux or no busybox.
 */
export function linuxLoad(folder: string, pause = 20, root?: string): MachineOptions {
  const linux = findLinux(["ata_piix"], root);
  if (linux === undefined || !existsSync(BUSYBOX)) {
    throw new LoadError(
      `no Linux with modules below ${root ?? "/"} (LINUX_ROOT says where), or no ${BUSYBOX}`,
    );
  }
  mkdirSync(folder, { recursive: true });
  const initrd = join(folder, "initrd");
  writeFileSync(initrd, busyboxInitrd(linux, MODULES, script(pause)));
  const disk = (name: string): string => {
    const file = join(folder, name);
    const options = ["-q", "-t", "ext4", "-U", ALWAYS, "-E", `hash_seed=${ALWAYS}`];
    const env = { ...process.env, E2FSPROGS_FAKE_TIME: "1767225600" };
    const made = spawnSync("mke2fs", [...options, file, `${DISK_BYTES / 1024}k`], { env });
    if (made.status !== 0) throw new LoadError(`mke2fs ${file}: ${made.stderr ?? made.error}`);
    return file;
  };
  return {
    kernel: linux.kernel,
    modules: [{ file: initrd }],
    append: "console=ttyS0 quiet panic=-1",
    memory: "192M",
    cpus: 2,
    disks: [
      { kind: "disk", image: disk("disk") },
      { kind: "disk", image: disk("virtio"), bus: "virtio" },
      { kind: "disk", image: disk("stick"), bus: "usb" },
    ],
    networkCards: [{ model: "e1000" }, { model: "virtio-net-pci" }],
    devices: [{ kind: "virtio-rng-pci" }],
  };
}
