// What debuggers get: .debug_line, .debug_info with what belongs to it, and .debug_frame, DWARF 4. One compilation unit
// an object that knows its source lines or functions.

import type { DebugType, InlinedCall } from "../object.ts";
import { Bytes, type OpenDebugField } from "./bytes.ts";
import { debugFrame, type PlacedFrame } from "./frame.ts";
import { DebugInfo, type UnitFunction } from "./info.ts";
import { appendLineProgram, type PlacedCode } from "./line.ts";

export interface DebugUnit {
  name: string;
  code: PlacedCode[];
  functions: UnitFunction[];
  types: readonly DebugType[];
}

export interface DebugSection {
  name: string;
  data: Uint8Array;
  /** Fields to relocate where code or debug sections move. */
  open: readonly OpenDebugField[];
}

/** The debug sections of the units and frames; `addressSize` is 4 bytes where the ELF file keeps low address halves only. */
export function debugSections(
  units: DebugUnit[],
  frames: PlacedFrame[],
  addressSize: 4 | 8,
): DebugSection[] {
  const sections: DebugSection[] = [];
  const add = (name: string, content: Bytes): void => {
    if (content.length > 0) sections.push({ name, data: content.data(), open: content.open });
  };
  if (units.length > 0) {
    const line = new Bytes(addressSize);
    const info = new DebugInfo(addressSize);
    for (const unit of units) {
      const files = fileNumbers(unit);
      const lineOffset = line.length;
      appendLineProgram(line, unit.code, unit.functions, files);
      const head = { name: unit.name, lineOffset, pieces: unit.code, files };
      info.unit(head, unit.types, unit.functions);
    }
    info.finish();
    add(".debug_line", line);
    add(".debug_info", info.info);
    add(".debug_abbrev", info.abbreviations);
    add(".debug_ranges", info.ranges);
    add(".debug_loc", info.locations);
  }
  add(".debug_frame", debugFrame(frames, addressSize));
  return sections;
}

/** Numbers of all files that the unit names, from 1 on. */
function fileNumbers(unit: DebugUnit): Map<string, number> {
  const files = new Map<string, number>();
  const add = (file: string | undefined): void => {
    if (file && !files.has(file)) files.set(file, files.size + 1);
  };
  const addCalls = (calls: readonly InlinedCall[]): void => {
    for (const call of calls) {
      add(call.file);
      addCalls(call.inlined);
    }
  };
  for (const { rows } of unit.code) for (const row of rows) add(row.file);
  for (const { file, inlined } of unit.functions) {
    add(file);
    addCalls(inlined ?? []);
  }
  return files;
}
