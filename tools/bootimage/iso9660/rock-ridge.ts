// What stands behind each directory record of the plain tree: true names, modes and numbers of files, by the System
// Use Sharing Protocol (SUSP, IEEE P1281) and the Rock Ridge Interchange Protocol (RRIP 1.12, IEEE P1282).

import { setBoth32 } from "./fields.ts";

/** POSIX's types of files, with rights that let a copy be changed. */
const FOLDER_MODE = 0o040_755;
const FILE_MODE = 0o100_644;
const PX_BYTES = 44;
const CE_BYTES = 28;
const ENTRY_HEADER = 5;
/** A length is one byte. */
const LONGEST_ENTRY = 255;
/** Flag of NM: the name goes on in the next one. */
const CONTINUES = 1;

const EXTENSION_ID = "IEEE_P1282";
const EXTENSION_TEXT = "THE IEEE P1282 PROTOCOL PROVIDES SUPPORT FOR POSIX FILE SYSTEM SEMANTICS";
const EXTENSION_SOURCE =
  "PLEASE CONTACT THE IEEE STANDARDS DEPARTMENT, PISCATAWAY, NJ, USA FOR THE P1282 SPECIFICATION";

const text = new TextEncoder();

function entry(signature: string, bytes: number): { entry: Uint8Array; view: DataView } {
  const entry = new Uint8Array(bytes);
  entry[0] = signature.charCodeAt(0);
  entry[1] = signature.charCodeAt(1);
  entry[2] = bytes;
  entry[3] = 1;
  return { entry, view: new DataView(entry.buffer) };
}

/** PX: mode, links, owner and serial number (RRIP 4.1.1). */
export function attributesEntry(isFolder: boolean, links: number, serial: number): Uint8Array {
  const { entry: px, view } = entry("PX", PX_BYTES);
  setBoth32(view, 4, isFolder ? FOLDER_MODE : FILE_MODE);
  setBoth32(view, 12, links);
  setBoth32(view, 36, serial);
  return px;
}

/** NM: a name of up to 255 bytes, in as many entries as it takes (RRIP 4.1.4). */
export function nameEntries(name: string): Uint8Array[] {
  const bytes = text.encode(name);
  const entries: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += LONGEST_ENTRY - ENTRY_HEADER) {
    const part = bytes.subarray(at, at + LONGEST_ENTRY - ENTRY_HEADER);
    const { entry: nm } = entry("NM", ENTRY_HEADER + part.length);
    nm[4] = at + part.length < bytes.length ? CONTINUES : 0;
    nm.set(part, ENTRY_HEADER);
    entries.push(nm);
  }
  return entries;
}

/** SP: the protocol is used from the record's first byte of system use on (SUSP 5.3). */
export function beginEntry(): Uint8Array {
  const { entry: sp } = entry("SP", 7);
  sp.set([0xbe, 0xef, 0], 4);
  return sp;
}

/** ER: which extension is used (SUSP 5.5, RRIP 4.3). */
export function extensionEntry(): Uint8Array {
  const parts = [EXTENSION_ID, EXTENSION_TEXT, EXTENSION_SOURCE];
  const { entry: er } = entry("ER", 8 + parts.join("").length);
  er.set([...parts.map((part) => part.length), 1], 4);
  er.set(text.encode(parts.join("")), 8);
  return er;
}

/** CE: the record's system use goes on elsewhere (SUSP 5.1). */
function continuationEntry(block: number, offset: number, bytes: number): Uint8Array {
  const { entry: ce, view } = entry("CE", CE_BYTES);
  setBoth32(view, 4, block);
  setBoth32(view, 12, offset);
  setBoth32(view, 20, bytes);
  return ce;
}

/** As Buffer.concat, which takes longer for the few bytes that there are here. */
function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Where system use goes on that finds no room in its record: blocks behind a directory. */
export class ContinuationArea {
  readonly #firstBlock: number;
  readonly #blockBytes: number;
  readonly #parts: { at: number; bytes: Uint8Array }[] = [];
  #end = 0;

  constructor(firstBlock: number, blockBytes: number) {
    this.#firstBlock = firstBlock;
    this.#blockBytes = blockBytes;
  }

  /** Bytes of the area, whole blocks. */
  get bytes(): number {
    return Math.ceil(this.#end / this.#blockBytes) * this.#blockBytes;
  }

  write(to: Uint8Array): void {
    for (const { at, bytes } of this.#parts) to.set(bytes, at);
  }

  /** System use of a record that has `room` bytes for it: what does not fit comes into the area. */
  divide(entries: readonly Uint8Array[], room: number): Uint8Array {
    const total = entries.reduce((sum, { length }) => sum + length, 0);
    if (total <= room) return joined(entries);
    const here: Uint8Array[] = [];
    const there = [...entries];
    let used = CE_BYTES;
    while (there[0] !== undefined && used + there[0].length <= room) {
      used += there[0].length;
      here.push(there.shift() as Uint8Array);
    }
    const rest = joined(there);
    // It must not reach over the end of a block.
    const left = this.#blockBytes - (this.#end % this.#blockBytes);
    const at = rest.length <= left ? this.#end : this.#end + left;
    this.#parts.push({ at, bytes: rest });
    this.#end = at + rest.length;
    const block = this.#firstBlock + Math.floor(at / this.#blockBytes);
    return joined([...here, continuationEntry(block, at % this.#blockBytes, rest.length)]);
  }
}
