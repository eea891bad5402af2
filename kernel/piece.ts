// Work whose length user space decides is done in pieces: when one is over, the kernel lets other CPUs and
// interrupts in and goes on where it was (run.ts). What an operation needs to go on is kept in its EC, or in
// the object it takes apart; nothing is kept on the stack.

/** Length of a piece, in units of about an instruction. The longest single step comes on top. */
const PIECE: u32 = 60_000;

let spent: u32 = 0;

/** Counts work done. */
export function spend(units: u32): void {
  spent += units;
}

/** Whether the piece is over: what is not done yet waits for the next one. */
export function pieceIsOver(): bool {
  return spent >= PIECE;
}

/** Work done from now on is a new piece. */
export function startPiece(): void {
  spent = 0;
}
