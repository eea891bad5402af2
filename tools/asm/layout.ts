// Layout of one section: picks short or near branches, gives every label its offset and produces the bytes
// with the fields that stay open. Branches start short and only ever grow, so the process ends.

import type { RelocationKind } from "../elf/index.ts";
import { AsmError, type BranchForms, type Fixup } from "./forms.ts";
import type { FrameState } from "./frame.ts";
import type { Difference, SymbolRef } from "./operands.ts";
import type { SourcePosition } from "./position.ts";

export type Item =
  | { kind: "bytes"; bytes: Uint8Array; fixups: Fixup[] }
  | { kind: "branch"; forms: BranchForms; near: boolean }
  | { kind: "label"; name: string }
  | { kind: "align"; align: number; fill: "nop" | number }
  | { kind: "pad"; offset: number; fill: number }
  | { kind: "space"; size: number }
  | { kind: "position"; position: SourcePosition }
  | { kind: "frame"; state: FrameState | undefined };

export interface OpenField {
  offset: number;
  kind: RelocationKind;
  value: SymbolRef | Difference;
}

export interface SectionLayout {
  bytes: Uint8Array;
  labels: Map<string, number>;
  fields: OpenField[];
  /** Source positions, each of the code from `offset` on. */
  positions: { offset: number; position: SourcePosition }[];
  /** Call frame states, each of the code from `offset` on. */
  frames: { offset: number; state: FrameState | undefined }[];
}

export const FIELD_SIZE: Record<RelocationKind, 1 | 2 | 4 | 8> = {
  abs8: 1,
  abs16: 2,
  abs32: 4,
  abs32s: 4,
  abs64: 8,
  pc8: 1,
  pc16: 2,
  pc32: 4,
};

/** Fills gaps in code: the recommended multi-byte NOPs, Intel SDM vol. 2B, NOP, table 4-12. */
const NOPS: readonly (readonly number[])[] = [
  [],
  [0x90],
  [0x66, 0x90],
  [0x0f, 0x1f, 0x00],
  [0x0f, 0x1f, 0x40, 0x00],
  [0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00],
  [0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
];

/** Lays the items out; `section` is named in errors. Throws `AsmError`. */
export function layOut(section: string, items: Item[]): SectionLayout {
  const local = new Set(items.flatMap((item) => (item.kind === "label" ? [item.name] : [])));
  for (const item of items) {
    if (item.kind !== "branch") continue;
    const { short, near, target } = item.forms;
    item.near = short === undefined || (near !== undefined && !local.has(target.name));
  }
  let labels = measure(section, items);
  while (growBranches(section, items, labels)) labels = measure(section, items);
  return emit(section, items, labels);
}

function sizeOf(section: string, item: Item, offset: number): number {
  switch (item.kind) {
    case "bytes":
      return item.bytes.length;
    case "branch":
      return branchForm(item).bytes.length;
    case "label":
    case "position":
    case "frame":
      return 0;
    case "align":
      return (item.align - (offset % item.align)) % item.align;
    case "pad":
      if (offset > item.offset) {
        throw new AsmError(
          `section ${section}: cannot pad to offset 0x${item.offset.toString(16)}, it already has 0x${offset.toString(16)} bytes`,
        );
      }
      return item.offset - offset;
    case "space":
      return item.size;
  }
}

function branchForm(item: Item & { kind: "branch" }): {
  bytes: Uint8Array;
  kind: "pc8" | "pc16" | "pc32";
} {
  const form = item.near ? item.forms.near : item.forms.short;
  if (!form) throw new AsmError(`branch to ${item.forms.target.name}: no form`);
  return form;
}

function measure(section: string, items: Item[]): Map<string, number> {
  const labels = new Map<string, number>();
  let offset = 0;
  for (const item of items) {
    if (item.kind === "label") labels.set(item.name, offset);
    offset += sizeOf(section, item, offset);
  }
  return labels;
}

function growBranches(section: string, items: Item[], labels: Map<string, number>): boolean {
  let grown = false;
  let offset = 0;
  for (const item of items) {
    offset += sizeOf(section, item, offset);
    if (item.kind !== "branch" || item.near) continue;
    const { target, near } = item.forms;
    const to = labels.get(target.name);
    if (to === undefined) continue;
    const distance = to + Number(target.addend) - offset;
    if (distance >= -128 && distance <= 127) continue;
    if (!near) {
      throw new AsmError(
        `section ${section}+0x${offset.toString(16)}: label ${target.name} is ${distance} bytes away, the branch reaches -128 to 127`,
      );
    }
    item.near = true;
    grown = true;
  }
  return grown;
}

function emit(section: string, items: Item[], labels: Map<string, number>): SectionLayout {
  const parts: Uint8Array[] = [];
  const fields: OpenField[] = [];
  const positions: SectionLayout["positions"] = [];
  const frames: SectionLayout["frames"] = [];
  let offset = 0;
  for (const item of items) {
    const size = sizeOf(section, item, offset);
    if (item.kind === "bytes") {
      parts.push(item.bytes);
      for (const fixup of item.fixups) fields.push({ ...fixup, offset: offset + fixup.offset });
    } else if (item.kind === "branch") {
      const form = branchForm(item);
      const width = FIELD_SIZE[form.kind];
      const bytes = form.bytes.slice();
      bytes.fill(0, bytes.length - width);
      parts.push(bytes);
      const target = item.forms.target;
      fields.push({
        offset: offset + size - width,
        kind: form.kind,
        value: { ...target, addend: target.addend - BigInt(width) },
      });
    } else if (item.kind === "position") {
      positions.push({ offset, position: item.position });
    } else if (item.kind === "frame") {
      frames.push({ offset, state: item.state });
    } else if (item.kind === "align" && item.fill === "nop") {
      parts.push(nops(size));
    } else if (size > 0) {
      const fill = item.kind === "align" || item.kind === "pad" ? Number(item.fill) : 0;
      parts.push(new Uint8Array(size).fill(fill));
    }
    offset += size;
  }
  return { bytes: new Uint8Array(Buffer.concat(parts)), labels, fields, positions, frames };
}

function nops(size: number): Uint8Array {
  const bytes: number[] = [];
  while (bytes.length < size) bytes.push(...(NOPS[Math.min(8, size - bytes.length)] ?? []));
  return Uint8Array.from(bytes);
}
