// Writes build/web/: the page with a machine in the tab, the CPU core, and the system as what it boots. Static files for
// any host; nothing is asked of a server but these.

import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { bundlePage } from "../emulator/web/bundle.ts";
import type { GalleryEntry } from "../emulator/web/gallery.ts";
import { BOOT_IMAGE, IMAGES } from "./images.ts";

/** The system as `make run` boots it, with as much memory as a tab has in any case; `words` are told the roottask. */
const system = (...words: string[]): GalleryEntry["options"] => ({
  kernel: "kernel.elf32",
  module: [["roottask-bin", ...words, "roottask"].join(" "), "userland.tar userland"],
  memory: "512M",
  cpus: "2",
});

/** The system: what of build/web/ is not the page. */
const GUEST_FILES = [BOOT_IMAGE, ...IMAGES.map(({ name }) => name)];

/** What there is to boot; the first is the default. */
const GALLERY: readonly GalleryEntry[] = [
  {
    id: "system",
    title: "Trihedron",
    description:
      "The whole system: a microkernel, a roottask that speaks Linux, and programs in C, Zig, Rust, Go and TypeScript.",
    options: system(),
  },
  {
    id: "bench",
    title: "Benchmarks",
    description:
      "The system measures its own calls, IPC, faults and files, natively and through its Linux personality. Takes minutes.",
    options: { ...system("bench"), clock: "vm" },
  },
  {
    id: "disk",
    title: "From a disk, by the BIOS",
    description:
      "The same system as a boot image: firmware, boot sector, our boot loader, kernel. It is a disk, a stick and a CD in one.",
    options: { disk: BOOT_IMAGE, memory: "512M", cpus: "2" },
  },
  {
    id: "own",
    title: "Your Multiboot kernel",
    description:
      "A kernel of your own with its modules, a Linux kernel, a disk, a floppy or a CD: choose files or drop them on the page. They stay in this tab.",
    options: {},
  },
];

/** Makes build/web/ anew from what is built in build/. */
export async function makeWebSite(root: string): Promise<void> {
  const aside = join(root, "build/web.aside");
  rmSync(aside, { recursive: true, force: true });
  mkdirSync(aside, { recursive: true });
  for (const [name, bytes] of await bundlePage("tab")) writeFileSync(join(aside, name), bytes);
  const built = ["emulator-core.wasm", ...GUEST_FILES];
  for (const name of built) copyFileSync(join(root, "build", name), join(aside, name));
  writeFileSync(join(aside, "gallery.json"), `${JSON.stringify(GALLERY, null, 2)}\n`);
  rmSync(join(root, "build/web"), { recursive: true, force: true });
  renameSync(aside, join(root, "build/web"));
}

/** What is in build/web/ by its names, and which of it is the system. */
export function webSiteFiles(root: string): { files: Map<string, Uint8Array>; guest: string[] } {
  const folder = join(root, "build/web");
  const files = readdirSync(folder).map(
    (name) => [name, readFileSync(join(folder, name))] as const,
  );
  return { files: new Map(files), guest: GUEST_FILES };
}
