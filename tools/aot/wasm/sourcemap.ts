// Source maps as asc writes them: one generated line whose columns are byte offsets in the wasm
// file. Follows ECMA-426 "Source map format"; index maps and names are left out.

import {
  DESCRIPTION_FIELD,
  type ProgramDescription,
  readDescription,
} from "../../wasm/description.ts";

export interface SourcePosition {
  file: string;
  /** From 1. */
  line: number;
  /** From 1. */
  column: number;
}

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const DIGIT_VALUE = new Map([...DIGITS].map((c, i) => [c.charCodeAt(0), i]));

export class SourceMap {
  private readonly offsets: number[] = [];
  private readonly files: number[] = [];
  private readonly lines: number[] = [];
  private readonly columns: number[] = [];
  /** Positions that were asked for, by number of the mapping. */
  private readonly positions: (SourcePosition | undefined)[] = [];
  /** The mapping that was asked for last, -1 before. */
  private last = -1;
  readonly sources: string[];
  /** What the map's maker says about the program, see ../../wasm/description.ts. */
  readonly description: ProgramDescription | undefined;

  /** Parses the JSON text of a source map; `rename` changes names of files. Throws Error naming what is wrong with it. */
  constructor(json: string, rename: (file: string) => string = (file) => file) {
    let map: Record<string, unknown>;
    try {
      map = JSON.parse(json) ?? {};
    } catch (error) {
      throw new Error(`the source map is not JSON: ${(error as Error).message}`);
    }
    if (!Array.isArray(map.sources) || typeof map.mappings !== "string") {
      throw new Error('the source map lacks "sources" or "mappings"');
    }
    const root =
      typeof map.sourceRoot === "string" && !map.sourceRoot.startsWith(".") ? map.sourceRoot : "";
    // Tables of names end each with NUL.
    this.sources = map.sources.map((s) => rename(root + String(s)).replaceAll("\0", "\\0"));
    const description = readDescription(map[DESCRIPTION_FIELD]);
    this.description = description && {
      ...description,
      functions: description.functions.map((f) => ({ ...f, file: rename(root + f.file) })),
    };
    this.decode(map.mappings);
  }

  private decode(mappings: string): void {
    let i = 0;
    const vlq = (): number => {
      let value = 0;
      for (let shift = 0; ; shift += 5) {
        const digit = DIGIT_VALUE.get(mappings.charCodeAt(i++));
        if (digit === undefined || shift > 30)
          throw new Error(`the source map has a bad mapping at ${i - 1}`);
        value += (digit & 31) * 2 ** shift;
        if (digit < 32) break;
      }
      return value & 1 ? -(value >>> 1) : value >>> 1;
    };
    let offset = 0;
    let file = 0;
    let line = 0;
    let column = 0;
    const more = (): boolean => i < mappings.length && mappings[i] !== "," && mappings[i] !== ";";
    while (i < mappings.length) {
      const c = mappings[i];
      if (c === "," || c === ";") {
        i++;
        continue;
      }
      offset += vlq();
      if (!more()) continue;
      file += vlq();
      line += vlq();
      column += vlq();
      if (more()) vlq();
      this.offsets.push(offset);
      this.files.push(file);
      this.lines.push(line + 1);
      this.columns.push(column + 1);
    }
  }

  /** Position of the instruction at byte `offset` of the wasm file, the same object for all of one mapping. */
  at(offset: number): SourcePosition | undefined {
    const { offsets } = this;
    // Mostly it is the mapping that was asked for last.
    const last = offsets[this.last] as number;
    if (last <= offset && offset < (offsets[this.last + 1] ?? 0)) return this.positions[this.last];
    let low = 0;
    let high = offsets.length;
    while (low < high) {
      const mid = (low + high) >> 1;
      if ((offsets[mid] as number) <= offset) low = mid + 1;
      else high = mid;
    }
    if (low === 0) return undefined;
    const i = low - 1;
    const known = this.positions[i];
    if (known) {
      this.last = i;
      return known;
    }
    const file = this.sources[this.files[i] as number];
    if (file === undefined) return undefined;
    const position = { file, line: this.lines[i] as number, column: this.columns[i] as number };
    this.positions[i] = position;
    this.last = i;
    return position;
  }
}
