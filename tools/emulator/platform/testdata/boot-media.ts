// Boot media that other people's tools make: GRUB on a CD and on a disk, ISOLINUX, isohybrid, SYSLINUX. Each starts the
// Multiboot kernel that it is given and needs Debian's packages of the tools.

import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { HANG_MS, hasTool } from "../../../testing/host-tools.ts";

const GRUB = "/usr/lib/grub/i386-pc";
const ISOLINUX = "/usr/lib/ISOLINUX/isolinux.bin";
const SYSLINUX_MBR = "/usr/lib/syslinux/mbr/mbr.bin";
const MODULES = "/usr/lib/syslinux/modules/bios";
/** Kernels are started by the last, which needs the second; the first is the loader's core. */
const USED_MODULES = ["ldlinux.c32", "libcom32.c32", "mboot.c32"] as const;

const has = (paths: readonly string[], tools: readonly string[]): boolean =>
  paths.every((path) => existsSync(path)) && tools.every((tool) => hasTool(tool));

export const hasGrub = has([GRUB], ["grub-mkrescue", "grub-mkimage", "xorriso", "mformat"]);
export const hasIsolinux = has([ISOLINUX, join(MODULES, "mboot.c32")], ["xorriso"]);
/** isohybrid knows no --version; its help ends with 0. */
export const hasIsohybrid = hasIsolinux && hasTool("isohybrid", ["--help"]);
export const hasSyslinux =
  has([SYSLINUX_MBR, join(MODULES, "mboot.c32")], ["mformat"]) && hasTool("syslinux");

/** Runs a tool that must succeed. */
function run(tool: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(tool, args, { timeout: HANG_MS });
  if (status !== 0) throw new Error(`${tool}: ${stderr?.toString() ?? "not found"}`);
}

const SECTOR = 512;
/** Where partitions begin, sectors. */
const PARTITION = 2048;
const FAT16 = 0x0e;
const FAT_BYTES = 16 << 20;

/** A disk with `code` as its boot record and one active FAT partition with `contents`. */
function partitioned(code: Uint8Array, contents: Uint8Array): Uint8Array {
  const disk = new Uint8Array(PARTITION * SECTOR + contents.length);
  disk.set(code.subarray(0, 440));
  const view = new DataView(disk.buffer);
  // CHS addresses beyond what they can say: programs go by blocks.
  disk.set([0x80, 0xfe, 0xff, 0xff, FAT16, 0xfe, 0xff, 0xff], 446);
  view.setUint32(454, PARTITION, true);
  view.setUint32(458, contents.length / SECTOR, true);
  view.setUint16(510, 0xaa55, true);
  disk.set(contents, PARTITION * SECTOR);
  return disk;
}

/** A FAT file system with files by their paths; `install` changes it before it is read. */
function fat(
  directory: string,
  files: Readonly<Record<string, string>>,
  folders: readonly string[],
  install: (image: string) => void = () => {},
): Uint8Array {
  const image = join(directory, "fat");
  writeFileSync(image, new Uint8Array(FAT_BYTES));
  run("mformat", ["-i", image, "-H", String(PARTITION), "-h", "16", "-s", "63", "::"]);
  for (const folder of folders) run("mmd", ["-i", image, `::${folder}`]);
  for (const [path, source] of Object.entries(files)) {
    run("mcopy", ["-i", image, source, `::${path}`]);
  }
  install(image);
  return readFileSync(image);
}

function put(directory: string, name: string, contents: string | Uint8Array): string {
  writeFileSync(join(directory, name), contents);
  return join(directory, name);
}

const GRUB_CONFIG = "multiboot /boot/kernel\nboot\n";

/** GRUB's rescue CD, which is a disk as well. */
export function grubCd(directory: string, kernel: Uint8Array, config = GRUB_CONFIG): Uint8Array {
  const tree = join(directory, "grub");
  mkdirSync(join(tree, "boot/grub"), { recursive: true });
  writeFileSync(join(tree, "boot/kernel"), kernel);
  writeFileSync(join(tree, "boot/grub/grub.cfg"), config);
  const iso = join(directory, "grub.iso");
  const modules = "biosdisk iso9660 part_msdos part_gpt multiboot normal boot linux";
  run("grub-mkrescue", ["-d", GRUB, "-o", iso, `--install-modules=${modules}`, tree]);
  return readFileSync(iso);
}

/** GRUB behind the boot record of a disk with a FAT partition, as grub-install places it. */
export function grubDisk(directory: string, kernel: Uint8Array): Uint8Array {
  const core = join(directory, "core");
  const modules = ["biosdisk", "part_msdos", "fat", "multiboot", "boot", "normal"];
  run("grub-mkimage", [
    ...["-d", GRUB, "-O", "i386-pc", "-o", core, "-p", "(hd0,msdos1)/boot/grub", ...modules],
  ]);
  const files = {
    "/boot/kernel": put(directory, "kernel", kernel),
    "/boot/grub/grub.cfg": put(directory, "grub.cfg", GRUB_CONFIG),
  };
  const contents = fat(directory, files, ["/boot", "/boot/grub"]);
  const disk = partitioned(readFileSync(join(GRUB, "boot.img")), contents);
  const image = readFileSync(core);
  // The block list at the end of the core's first sector: the rest follows it on the disk.
  const view = new DataView(image.buffer, image.byteOffset);
  view.setBigUint64(SECTOR - 12, 2n, true);
  view.setUint16(SECTOR - 4, Math.ceil(image.length / SECTOR) - 1, true);
  disk.set(image, SECTOR);
  return disk;
}

/** A configuration of SYSLINUX and its relatives. */
const SYSLINUX_CONFIG = "DEFAULT k\nPROMPT 0\nLABEL k\n  KERNEL mboot.c32\n  APPEND kernel\n";

/** ISOLINUX on a CD; with `hybrid` it is a disk as well. */
export function isolinuxCd(directory: string, kernel: Uint8Array, hybrid: boolean): Uint8Array {
  const tree = join(directory, "isolinux");
  const boot = join(tree, "isolinux");
  mkdirSync(boot, { recursive: true });
  copyFileSync(ISOLINUX, join(boot, "isolinux.bin"));
  for (const name of USED_MODULES) copyFileSync(join(MODULES, name), join(boot, name));
  writeFileSync(join(boot, "kernel"), kernel);
  writeFileSync(join(boot, "isolinux.cfg"), SYSLINUX_CONFIG);
  const iso = join(directory, "isolinux.iso");
  run("xorriso", [
    ...["-as", "mkisofs", "-quiet", "-o", iso, "-b", "isolinux/isolinux.bin"],
    ...["-c", "isolinux/boot.cat", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table"],
    tree,
  ]);
  if (hybrid) run("isohybrid", [iso]);
  return readFileSync(iso);
}

const syslinuxFiles = (directory: string, kernel: Uint8Array): Record<string, string> => ({
  "/kernel": put(directory, "kernel", kernel),
  "/syslinux.cfg": put(directory, "syslinux.cfg", SYSLINUX_CONFIG),
  ...Object.fromEntries(USED_MODULES.slice(1).map((name) => [`/${name}`, join(MODULES, name)])),
});

/** SYSLINUX on the FAT partition of a disk. */
export function syslinuxDisk(directory: string, kernel: Uint8Array): Uint8Array {
  const contents = fat(directory, syslinuxFiles(directory, kernel), [], (image) =>
    run("syslinux", ["--install", image]),
  );
  return partitioned(readFileSync(SYSLINUX_MBR), contents);
}

/** SYSLINUX on a floppy of 1.44 MB. */
export function syslinuxFloppy(directory: string, kernel: Uint8Array): Uint8Array {
  const image = put(directory, "floppy", new Uint8Array(1474560));
  run("mformat", ["-i", image, "-f", "1440", "::"]);
  for (const [path, source] of Object.entries(syslinuxFiles(directory, kernel))) {
    run("mcopy", ["-i", image, source, `::${path}`]);
  }
  run("syslinux", ["--install", image]);
  return readFileSync(image);
}
