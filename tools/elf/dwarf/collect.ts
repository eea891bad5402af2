// Gathers what objects tell about their code for debuggers, where the code has been placed.

import type { ObjectFile } from "../object.ts";
import type { PlacedFrame } from "./frame.ts";
import type { DebugUnit } from "./index.ts";

/** A section of an object and its address. */
export interface PlacedPart {
  object: ObjectFile;
  /** Index of the section. */
  index: number;
  address: bigint;
}

export interface CollectedDebug {
  units: DebugUnit[];
  frames: PlacedFrame[];
}

/** `full`: with frames, variables and types, not lines and names alone. */
export function collectDebug(
  objects: readonly ObjectFile[],
  parts: readonly PlacedPart[],
  full: boolean,
): CollectedDebug {
  const units: DebugUnit[] = [];
  const frames: PlacedFrame[] = [];
  for (const object of objects) {
    const types = full ? (object.types ?? []) : [];
    const unit: DebugUnit = { name: object.name, code: [], functions: [], types };
    for (const part of parts) {
      if (part.object !== object) continue;
      addCode(unit, part, full);
      if (full) addFrames(frames, part);
    }
    if (unit.code.length > 0) units.push(unit);
  }
  return { units, frames };
}

/** Adds what a section's object tells about the code in it. */
function addCode(unit: DebugUnit, { object, index, address }: PlacedPart, full: boolean): void {
  const rows = (object.lines ?? []).filter((row) => row.section === index);
  const own = (object.functions ?? []).filter((f) => f.section === index);
  if (rows.length === 0 && own.length === 0) return;
  const described = new Map(full ? own.map((f) => [f.start, f]) : []);
  unit.code.push({ address, size: object.sections[index]?.memSize ?? 0, rows });
  // A function that is exported has two symbols; debuggers want it once.
  const named = new Set<bigint>();
  const symbols = [...object.symbols].sort((a, b) => Number(b.global) - Number(a.global));
  for (const { name: symbol, kind, section: home, value, size } of symbols) {
    if (kind !== "func" || home !== index || named.has(value)) continue;
    named.add(value);
    const more = described.get(Number(value)) ?? {};
    unit.functions.push({ ...more, symbol, address: address + value, size, base: address });
  }
}

function addFrames(frames: PlacedFrame[], { object, index, address }: PlacedPart): void {
  for (const frame of object.frames ?? []) {
    if (frame.section !== index) continue;
    frames.push({
      address: address + BigInt(frame.start),
      size: frame.end - frame.start,
      signal: frame.signal,
      rows: frame.rows.map((row) => ({ ...row, offset: row.offset - frame.start })),
    });
  }
}
