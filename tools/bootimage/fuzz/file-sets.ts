// Random sets of files for boot images: names of every kind that a volume can hold, sizes around its blocks, folders
// in folders. Equal seeds give equal sets.

import { Random } from "../../emulator/cputest/random.ts";

export interface SetFile {
  path: string;
  contents: Uint8Array;
}

const ALPHABETS = [
  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_",
  "abcdefghijklmnopqrstuvwxyz0123456789-",
  "ab .",
  "aA",
  "äöüßéñçÅΩжЖ漢字かな☃",
  "😀😁👍x",
  "!\"#$%&'()*+,:;<=>?@[\\]^`{|}~",
  "a\t\u0001\u007f",
];
/** Names that some reader or file system treats apart. */
const NAMES = [
  "CON",
  "a.b.c",
  ".hidden",
  "trailing.",
  "x;1",
  "RR_MOVED",
  "a".repeat(255),
  "ü".repeat(127),
];
const SIZES = [0, 1, 2, 511, 2047, 2048, 2049, 4096, 65_535, 65_536, 100_000];
const MOST_BYTES = 255;

/** The longest beginning of a text that has at most `bytes` bytes. */
function cutBytes(text: string, bytes: number): string {
  let short = "";
  for (const letter of text) {
    if (Buffer.byteLength(short + letter) > bytes) break;
    short += letter;
  }
  return short;
}

class SetMaker {
  readonly #random: Random;
  readonly #files: SetFile[] = [];

  constructor(seed: number) {
    this.#random = new Random(seed, 9660);
  }

  make(): SetFile[] {
    this.#fill("", 0, 1 + this.#random.below(6));
    if (this.#random.oneIn(3)) this.#fillDeep();
    if (this.#random.oneIn(3)) this.#fillAlike();
    return this.#files;
  }

  #fill(folder: string, depth: number, files: number): void {
    const taken = new Set<string>();
    const free = (): string => {
      for (;;) {
        const name = this.#name();
        if (taken.has(name)) continue;
        taken.add(name);
        return name;
      }
    };
    for (let count = 0; count < files; count++) this.#add(`${folder}${free()}`);
    if (depth > 9) return;
    for (let count = this.#random.below(depth === 0 ? 5 : 3); count > 0; count--) {
      this.#fill(`${folder}${free()}/`, depth + 1, this.#random.below(6));
    }
  }

  /** More folders in one another than the standard's eight. */
  #fillDeep(): void {
    const names = Array.from({ length: 9 + this.#random.below(20) }, (_, at) => `level ${at}`);
    this.#add(`deep/${names.join("/")}/file`);
  }

  /** Many names that begin alike, more than a block of a directory holds. */
  #fillAlike(): void {
    const beginning = "x".repeat(20 + this.#random.below(60));
    for (let at = 0; at < 40 + this.#random.below(200); at++)
      this.#add(`alike/${beginning}${at}.text`);
  }

  #name(): string {
    const random = this.#random;
    if (random.oneIn(8)) return random.pick(NAMES);
    const letters = [...random.pick(ALPHABETS)];
    const length = random.oneIn(6) ? 1 + random.below(255) : 1 + random.below(12);
    let name = "";
    while (name.length < length) name += random.pick(letters);
    if (random.oneIn(2))
      name = `${cutBytes(name, 240)}.${random.pick(["txt", "TXT", "gz", "elf32"])}`;
    name = cutBytes(name, MOST_BYTES);
    return name === "." || name === ".." ? "dots" : name;
  }

  #add(path: string): void {
    const random = this.#random;
    const contents = new Uint8Array(random.oneIn(2) ? random.pick(SIZES) : random.below(5000));
    for (let at = 0; at < contents.length; at += 1 + random.below(64)) contents[at] = random.u32();
    this.#files.push({ path, contents });
  }
}

/** The set of a seed; `boot/` and `k` are left to the image. */
export function randomFiles(seed: number): SetFile[] {
  return new SetMaker(seed).make().filter(({ path }) => !/^(boot$|boot\/|k$|k\/)/.test(path));
}
