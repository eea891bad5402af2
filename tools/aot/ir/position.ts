// Positions of instructions: offsets in the wasm file. In a copy of its function's body that stands in place of a
// call, an instruction's position also tells which call that is, so that whatever passes positions on passes on both.

/** Files are smaller. */
const COPY = 2 ** 32;

/** The position `pos` in the copy that stands in place of the function's call number `call`, from 1. */
export function positionInCopy(pos: number, call: number): number {
  return pos + call * COPY;
}

/** The offset in the file. */
export function fileOffset(pos: number): number {
  return pos < COPY ? pos : pos % COPY;
}

/** Number of the call in whose place the instruction stands, 0 for none. */
export function copyNumber(pos: number): number {
  return pos < COPY ? 0 : Math.floor(pos / COPY);
}
