// Linux's own drivers for the boards' disks, CDs and floppies: a kernel with modules as distributions have them, which says what
// it reads, and whose writing the host looks at (testdata/linux.ts says where it is looked for).

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { HANG_MS, hasTool } from "../../testing/host-tools.ts";
import { Machine } from "../host/machine.ts";
import { bytesImage, type ImageSource } from "../media/image.ts";
import { BUSYBOX, busyboxInitrd, findLinux, type Linux } from "./testdata/linux.ts";

/** Modules that are loaded, behind those that they need. */
const WANTED = {
  pc: ["ata_piix"],
  q35: ["ahci"],
  both: ["crc32c_generic", "crct10dif_generic", "crc64_rocksoft_generic", "sd_mod", "sr_mod"],
  last: ["ext4", "floppy"],
} as const;

const linux = findLinux(["ata_piix", "floppy"]);

/** Track of the floppy that is written, and how many bytes. */
const [TRACK_BYTES, TRACK, TRACKS] = [18_432, 3, 8];

const SCRIPT = `i=0; while [ ! -b /dev/sda -o ! -b /dev/sr0 ]; do $B sleep 0.1; i=$((i+1)); [ $i -gt 100 ] && break; done
$B mount -t ext4 /dev/sda /mnt
$B mkdir -p /mnt/a/b
for i in 1 2 3 4 5 6 7 8 9; do $B dd if=/bin/busybox of=/mnt/a/b/f$i bs=4096 count=$i 2>/dev/null; done
$B cp /bin/busybox /mnt/a/copy
$B rm /mnt/a/b/f7
$B umount /mnt
$B mount -t ext4 /dev/sda /mnt
$B cmp /bin/busybox /mnt/a/copy && echo "disk: $($B ls /mnt/a/b | $B wc -l) files, a copy that is the same"
$B umount /mnt
echo "CD: $($B md5sum < /dev/sr0)"
echo "floppy: $($B dd if=/dev/fd0 bs=${TRACK_BYTES} count=1 2>/dev/null | $B md5sum)"
$B dd if=/bin/busybox of=/dev/fd0 bs=${TRACK_BYTES} seek=${TRACK} count=${TRACKS} 2>/dev/null
$B sync
echo 3 > /proc/sys/vm/drop_caches
echo "written: $($B dd if=/dev/fd0 bs=${TRACK_BYTES} skip=${TRACK} count=${TRACKS} 2>/dev/null | $B md5sum)"
$B poweroff -f
`;

const pattern = (bytes: number, step: number): Uint8Array =>
  Uint8Array.from({ length: bytes }, (_, i) => (i * step + (i >> 9) * 7 + (i >> 17)) & 0xff);
const md5 = (bytes: Uint8Array): string => createHash("md5").update(bytes).digest("hex");
const written = (name: string, bytes: Uint8Array): ImageSource => ({
  ...bytesImage(name, bytes),
  write: (offset, part) => bytes.set(part, offset),
});

test.skipIf(linux === undefined || !existsSync(BUSYBOX) || !hasTool("mke2fs", ["-V"])).each([
  ["pc", "its own controller", "pc"],
  ["q35", "its own controller", "q35"],
  ["pc", "an AHCI controller that was added", "q35"],
] as const)(
  "Linux reads and writes disk, CD and floppy of %s at %s, and turns it off",
  async (board, _, driver) => {
    const found = linux as Linux;
    const modules = [...WANTED.both, ...WANTED[driver], ...WANTED.last];
    const isAdded = board !== driver;
    const controller = isAdded ? 0 : undefined;
    const program = readFileSync(BUSYBOX);
    const initrd = busyboxInitrd(found, modules, SCRIPT);
    const folder = mkdtempSync(join(tmpdir(), "emu-linux-"));
    const tool = (name: string, ...args: string[]) =>
      spawnSync(name, args, { encoding: "utf8", timeout: HANG_MS });
    try {
      const file = join(folder, "disk");
      expect(tool("mke2fs", "-q", "-t", "ext4", file, "32M").status).toBe(0);
      const disk = new Uint8Array(readFileSync(file));
      const floppy = pattern(1_474_560, 3);
      const first = md5(floppy.subarray(0, TRACK_BYTES));
      const cd = pattern(2048 * 600, 5);
      const machine = await Machine.create({
        machine: board,
        kernel: found.kernel,
        modules: [{ file: initrd }],
        append: "console=ttyS0 quiet panic=-1",
        memory: "256M",
        cpus: 2,
        devices: isAdded ? [{ kind: "ahci", options: { index: 0 } }] : [],
        disks: [
          { kind: "disk", image: written("disk", disk), persistent: true, index: 0, controller },
          { kind: "cdrom", image: cd, index: 2, controller },
          { kind: "floppy", image: written("floppy", floppy), persistent: true },
        ],
      });
      expect(machine.runSync({ nanoseconds: 60e9 })).toEqual({ kind: "power-off" });
      const part = program.subarray(0, TRACKS * TRACK_BYTES);
      const said = machine.serialOutput.split(/\r?\n/).filter((line) => /^\w+: /.test(line));
      expect(said).toEqual([
        "disk: 8 files, a copy that is the same",
        `CD: ${md5(cd)}  -`,
        `floppy: ${first}  -`,
        `written: ${md5(part)}  -`,
      ]);
      expect(Buffer.from(floppy.subarray(TRACK * TRACK_BYTES)).subarray(0, part.length)).toEqual(
        part,
      );
      writeFileSync(file, disk);
      const check = tool("e2fsck", "-fn", file);
      expect([check.status, check.stdout]).toEqual([0, check.stdout]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
