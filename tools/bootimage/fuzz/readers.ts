// Programs of others that read boot images: what each says of one, and whether the files that it takes out are those
// that were put in. A program that is absent is asked nothing.

import { spawnSync } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { jolietNames, type NamedMember, plainNames } from "../iso9660/names.ts";
import type { SetFile } from "./file-sets.ts";

/** An image and what is in it, those files included that the image adds by itself. */
export interface ReadImage {
  image: string;
  files: readonly SetFile[];
  /** The EFI system partition: where it begins in the image, bytes, and the loader in it. */
  efi: { offset: number; bytes: number; loader: Uint8Array };
}

export interface Reader {
  name: string;
  /** Command that tells whether the program is there. */
  probe: readonly [string, ...string[]];
  /** What is wrong, one line each. */
  check(image: ReadImage, scratch: string): string[];
}

function run(
  program: string,
  args: readonly string[],
): { status: number; text: string; out: Buffer } {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    maxBuffer: 2 ** 30,
    env: { ...process.env, LC_ALL: "C.UTF-8" },
  });
  if (error) throw error;
  return { status: status ?? -1, text: `${stdout}${stderr}`, out: stdout };
}

/** Complaint with what a program said, if it did not end well. */
function failed(program: string, { status, text }: { status: number; text: string }): string[] {
  return status === 0 ? [] : [`${program} ends with ${status}: ${text.trim().slice(-400)}`];
}

/** Compares files below a folder with what is expected there. */
function compareFolder(folder: string, expected: ReadonlyMap<string, Uint8Array>): string[] {
  const found = new Set<string>();
  const complaints: string[] = [];
  const visit = (path: string): void => {
    for (const entry of readdirSync(join(folder, path), { withFileTypes: true })) {
      const inside = path === "" ? entry.name : `${path}/${entry.name}`;
      if (entry.isDirectory()) visit(inside);
      else {
        found.add(inside);
        const contents = expected.get(inside);
        if (contents === undefined) complaints.push(`is not to be there: ${inside}`);
        else if (!readFileSync(join(folder, inside)).equals(contents)) {
          complaints.push(`has other contents: ${inside}`);
        }
      }
    }
  };
  visit("");
  for (const path of expected.keys()) if (!found.has(path)) complaints.push(`is missing: ${path}`);
  return complaints;
}

/** Files by the paths that a tree of the volume gives them. */
function renamed(
  files: readonly SetFile[],
  names: (members: readonly NamedMember[]) => string[],
): Map<string, Uint8Array> {
  interface Folder {
    folders: Map<string, Folder>;
    files: Map<string, Uint8Array>;
  }
  const folder = (): Folder => ({ folders: new Map(), files: new Map() });
  const root = folder();
  for (const { path, contents } of files) {
    const parts = path.split("/");
    const last = parts.pop() as string;
    let place = root;
    for (const part of parts) {
      const inner = place.folders.get(part) ?? folder();
      place.folders.set(part, inner);
      place = inner;
    }
    place.files.set(last, contents);
  }
  const result = new Map<string, Uint8Array>();
  const visit = (place: Folder, path: string): void => {
    const members = [
      ...[...place.folders.keys()].map((name) => ({ name, isFolder: true })),
      ...[...place.files.keys()].map((name) => ({ name, isFolder: false })),
    ].sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const [index, name] of names(members).entries()) {
      const member = members[index] as NamedMember;
      const inner = place.folders.get(member.name);
      if (inner) visit(inner, `${path}${name}/`);
      else result.set(`${path}${name}`, place.files.get(member.name) as Uint8Array);
    }
  };
  visit(root, "");
  return result;
}

const trueNames = (files: readonly SetFile[]): Map<string, Uint8Array> =>
  new Map(files.map(({ path, contents }) => [path, contents]));

/** Part of a file. */
function readPart(path: string, offset: number, bytes: number): Uint8Array {
  const part = new Uint8Array(bytes);
  const file = openSync(path, "r");
  readSync(file, part, 0, bytes, offset);
  closeSync(file);
  return part;
}

const xorriso: Reader = {
  name: "xorriso: Rock Ridge",
  probe: ["xorriso", "--version"],
  check({ image, files }, scratch) {
    const to = join(scratch, "tree");
    const said = run("xorriso", ["-osirrox", "on", "-indev", image, "-extract", "/", to]);
    const warnings = said.text.match(/(WARNING|SORRY|FAILURE|MISHAP|FATAL) :.*/g) ?? [];
    const complaints = [...failed("xorriso", said), ...warnings];
    return complaints.length > 0 ? complaints : compareFolder(to, trueNames(files));
  },
};

const elTorito: Reader = {
  name: "xorriso: El Torito and partitions",
  probe: ["xorriso", "--version"],
  check({ image, efi }) {
    const args = ["-indev", image, "-report_el_torito", "plain", "-report_system_area", "plain"];
    const said = run("xorriso", args);
    const block = efi.offset / 2048;
    const sectors = efi.bytes / 512;
    const expected = [
      "El Torito boot img :   1  BIOS  y   none  0x0000  0x00      4          21",
      `El Torito boot img :   2  UEFI  y   none  0x0000  0x00 ${`${sectors}`.padStart(6)} ${`${block}`.padStart(11)}`,
      "El Torito img path :   1  /boot/bios.bin",
      "El Torito img path :   2  /boot/efi.img",
      "System area summary: MBR protective-msdos-label cyl-align-off GPT",
      `GPT start and size :   1  ${block * 4}  ${sectors}`,
      "GPT partition path :   1  /boot/efi.img",
    ];
    const missing = expected.filter((line) => !said.text.split("\n").includes(line));
    return [...failed("xorriso", said), ...missing.map((line) => `does not say: ${line}`)];
  },
};

const isoinfo: Reader = {
  name: "isoinfo: plain tree",
  probe: ["isoinfo", "-version"],
  check({ image, files }) {
    const expected = renamed(files, plainNames);
    const list = run("isoinfo", ["-f", "-i", image]);
    const paths = new Set(list.text.split("\n").map((line) => line.trim()));
    const complaints = failed("isoinfo", list);
    for (const [path, contents] of expected) {
      const name = `/${path};1`;
      if (!paths.has(name)) complaints.push(`does not list ${name}`);
      // One process for each file: those of the beginning of a folder stand for the others.
      if (contents.length > 0 && /\/[A-D0_]?[^/]*$/.test(name)) {
        const { out } = run("isoinfo", ["-i", image, "-x", name]);
        if (!out.equals(contents)) complaints.push(`takes out other contents: ${name}`);
      }
    }
    return complaints;
  },
};

const sevenZip: Reader = {
  name: "7z: Joliet",
  probe: ["7z", "i"],
  check({ image, files }, scratch) {
    const to = join(scratch, "tree");
    const said = run("7z", ["x", "-y", `-o${to}`, image]);
    const complaints = failed("7z", said);
    if (/warning|error/i.test(said.text)) complaints.push(said.text.slice(-400));
    // 7z gives names that it holds to be unsafe others of its own.
    const unsafe = (path: string): boolean => /[\p{Cc}"<>|]|[. ](\/|$)/u.test(path);
    const expected = renamed(files, jolietNames);
    if ([...expected.keys()].some(unsafe)) return complaints;
    // What El Torito starts is to 7z a folder of its own.
    rmSync(join(to, "[BOOT]"), { recursive: true, force: true });
    return [...complaints, ...compareFolder(to, expected)];
  },
};

const sgdisk: Reader = {
  name: "sgdisk: GPT",
  probe: ["sgdisk", "--version"],
  check({ image }) {
    const said = run("sgdisk", ["-v", image]);
    const isClean = said.text.trim().startsWith("No problems found.");
    return isClean && said.status === 0 ? [] : [`sgdisk: ${said.text.trim()}`];
  },
};

const fdisk: Reader = {
  name: "fdisk: GPT",
  probe: ["fdisk", "--version"],
  check({ image, efi }) {
    const said = run("fdisk", ["-l", "-o", "Start,Sectors,Type", image]);
    const line = `${efi.offset / 512} *${efi.bytes / 512} EFI System`;
    const isThere = new RegExp(`^ *${line}$`, "m").test(said.text);
    return [
      ...failed("fdisk", said),
      ...(isThere ? [] : [`does not say ${line}`]),
      ...(/Disklabel type: gpt/.test(said.text) ? [] : ["sees no GPT"]),
      ...(/mismatch|corrupt|error|backup/i.test(said.text) ? [said.text] : []),
    ];
  },
};

const fat: Reader = {
  name: "fsck.fat: EFI system partition",
  probe: ["fsck.fat", "--help"],
  check({ image, efi }, scratch) {
    const partition = join(scratch, "efi.img");
    writeFileSync(partition, readPart(image, efi.offset, efi.bytes));
    return failed("fsck.fat", run("fsck.fat", ["-n", partition]));
  },
};

const mtools: Reader = {
  name: "mtools: EFI system partition",
  probe: ["mtype", "--version"],
  check({ image, efi }) {
    const { out } = run("mtype", ["-i", `${image}@@${efi.offset}`, "::EFI/BOOT/BOOTX64.EFI"]);
    return out.equals(efi.loader) ? [] : ["mtype reads another loader"];
  },
};

/** Whether loop devices and the kernel's own file system can be used: seldom in containers. */
const mount: Reader = {
  name: "loop mount",
  probe: ["sh", "-c", "[ $(id -u) = 0 ] && grep -qw iso9660 /proc/filesystems && losetup -f"],
  check({ image, files }, scratch) {
    const to = join(scratch, "mounted");
    mkdirSync(to);
    const said = run("mount", ["-o", "loop,ro", image, to]);
    if (said.status !== 0) return failed("mount", said);
    try {
      return compareFolder(to, trueNames(files));
    } finally {
      run("umount", [to]);
    }
  },
};

export const READERS: readonly Reader[] = [
  xorriso,
  elTorito,
  isoinfo,
  sevenZip,
  sgdisk,
  fdisk,
  fat,
  mtools,
  mount,
];

/** What a reader finds wrong with an image, by its name. */
export function checkWith(reader: Reader, image: ReadImage): string[] {
  const scratch = mkdtempSync(join(tmpdir(), "image-reader-"));
  try {
    return reader.check(image, scratch);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
