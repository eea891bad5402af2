// A board without CPUs that performs accesses one after the other: what tests of single devices need.

import { type BareBoard, bareBoard } from "./bare-board.ts";
import { type Access, runOnBoard } from "./bus-guest.ts";

export const MS = 1_000_000;

/** A board after the given accesses. */
export function board(...script: Access[]): BareBoard {
  const bare = bareBoard();
  runOnBoard(bare.board, script);
  return bare;
}

/** The value of the last access, a read. */
export const read = (b: BareBoard, ...access: Access[]): number =>
  Number.parseInt(runOnBoard(b.board, access).at(-1) ?? "", 16);

/** 8259A pair at vectors 0x20 and 0x28 with the given master mask. */
export const pics = (mask: number): Access[] => [
  ["out", 0x20, 0x11],
  ["out", 0x21, 0x20],
  ["out", 0x21, 4],
  ["out", 0x21, 1],
  ["out", 0xa0, 0x11],
  ["out", 0xa1, 0x28],
  ["out", 0xa1, 2],
  ["out", 0xa1, 1],
  ["out", 0x21, mask],
  ["out", 0xa1, 0xff],
];

/** Takes every pending 8259A interrupt with an EOI. */
export function service(b: BareBoard): number[] {
  const vectors: number[] = [];
  while (b.intr()) {
    vectors.push(b.board.pic.acknowledge());
    runOnBoard(b.board, [
      ["out", 0x20, 0x20],
      ["out", 0xa0, 0x20],
    ]);
  }
  return vectors;
}
