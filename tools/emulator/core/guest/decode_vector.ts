// Decoder of the MMX, SSE and AVX maps.

import { notYet } from "./decode";

export function decodeVector(b: u32): void {
  notYet();
}

export function decodeVex(b: u32): void {
  notYet();
}
