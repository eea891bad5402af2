// The base relocation table: where the addresses of a program are, by page. Source: PE Format, "The .reloc Section
// (Image Only)".

import { RELOCATION_ABSOLUTE, RELOCATION_DIR64 } from "./constants.ts";

const PAGE = 4096;
const BLOCK_HEADER = 8;

/** The table for fields of 64 bits at these addresses, ascending and counted from the image base; empty without any. */
export function relocationTable(fields: readonly number[]): Uint8Array {
  const pages = new Map<number, number[]>();
  for (const field of fields) {
    const page = Math.floor(field / PAGE);
    const entries = pages.get(page);
    if (entries) entries.push(field % PAGE);
    else pages.set(page, [field % PAGE]);
  }
  // Blocks are multiples of 4 bytes.
  const sizeOf = (entries: readonly number[]): number =>
    BLOCK_HEADER + ((entries.length + 1) & ~1) * 2;
  const size = [...pages.values()].reduce((sum, entries) => sum + sizeOf(entries), 0);
  const table = new Uint8Array(size);
  const view = new DataView(table.buffer);
  let at = 0;
  for (const [page, entries] of pages) {
    view.setUint32(at, page * PAGE, true);
    view.setUint32(at + 4, sizeOf(entries), true);
    entries.forEach((offset, i) => {
      view.setUint16(at + BLOCK_HEADER + i * 2, (RELOCATION_DIR64 << 12) | offset, true);
    });
    if (entries.length % 2 === 1) {
      const pad = at + BLOCK_HEADER + entries.length * 2;
      view.setUint16(pad, RELOCATION_ABSOLUTE << 12, true);
    }
    at += sizeOf(entries);
  }
  return table;
}
