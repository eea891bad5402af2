// The trap table and the line table: from code offsets to kinds of trap and source positions.
// The trap table's format is the contract of docs/toolchain.md, "Code and data".

import type { LineRow } from "../elf/object.ts";
import { fileOffset } from "./ir/position.ts";
import type { SourceMap } from "./wasm/sourcemap.ts";
import type { CodePosition, TrapSite } from "./x64/emit.ts";

/** Bytes per entry: u64 address, u16 kind, u16 file, u32 line. */
export const TRAP_ENTRY = 16;
/** Files beyond this number are not named: the field has 16 bits, 0 means unknown. */
const MAX_FILES = 0xffff;

export interface TrapTable {
  /** Entries in order of code; their addresses are left to the linker. */
  entries: Uint8Array;
  /** Code offset of each entry. */
  offsets: Uint32Array;
  /** NUL-terminated names; the first one is empty. */
  files: Uint8Array;
}

/** Sorts `sites` by code offset and makes the table of them. */
export function trapTable(sites: TrapSite[], map: SourceMap | undefined): TrapTable {
  sites.sort((a, b) => a.offset - b.offset);
  const files = new Map<string, number>();
  const entries = new Uint8Array(sites.length * TRAP_ENTRY);
  const view = new DataView(entries.buffer);
  const offsets = new Uint32Array(sites.length);
  sites.forEach(({ offset, kind, pos }, i) => {
    const at = i * TRAP_ENTRY;
    const source = pos ? map?.at(fileOffset(pos)) : undefined;
    let file = 0;
    if (source) {
      file = files.get(source.file) ?? files.size + 1;
      if (file > MAX_FILES) file = 0;
      else files.set(source.file, file);
    }
    offsets[i] = offset;
    view.setUint16(at + 8, kind, true);
    view.setUint16(at + 10, file, true);
    view.setUint32(at + 12, file > 0 ? (source?.line ?? 0) : 0, true);
  });
  const names = ["", ...files.keys()].map((name) => `${name}\0`).join("");
  return { entries, offsets, files: new TextEncoder().encode(names) };
}

/** Rows of the line table of section 0, one where the source position changes. */
export function lineRows(positions: CodePosition[], map: SourceMap): LineRow[] {
  const rows: LineRow[] = [];
  let last: LineRow | undefined;
  for (const { offset, pos } of positions) {
    const source = pos ? map.at(fileOffset(pos)) : undefined;
    const row: LineRow = {
      section: 0,
      offset,
      file: source?.file ?? "",
      line: source?.line ?? 0,
      column: source?.column ?? 0,
    };
    if (last && last.file === row.file && last.line === row.line && last.column === row.column)
      continue;
    rows.push(row);
    last = row;
  }
  return rows;
}
