// Active data segments of targets whose linear memory is found at start: `_start` copies them into it.

import { at, type Encoder, R15, RCX, RDI, RSI } from "../x64/encoder.ts";

/** An active data segment: its bytes are at `symbol` and belong to window offset `offset`. */
export interface StartSegment {
  symbol: string;
  offset: number;
  /** Bytes. */
  length: number;
}

/** Appends the copies, in the order of the module; R15 holds the window base. */
export function emitSegments(e: Encoder, segments: readonly StartSegment[]): void {
  for (const { symbol, offset, length } of segments) {
    e.lea(8, RSI, { base: -1, index: -1, scale: 1, disp: 0, symbol });
    e.movImm(RDI, BigInt(offset));
    e.lea(8, RDI, at(R15, 0, RDI));
    e.movImm32(RCX, length);
    e.raw([0xf3, 0xa4]);
  }
}
