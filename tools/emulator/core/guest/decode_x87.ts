// Decoder of the x87 escape opcodes.

import { decodeModrm, notYet } from "./decode";

export function decodeX87(b: u32): void {
  if (b != 0x9b) decodeModrm();
  notYet();
}
