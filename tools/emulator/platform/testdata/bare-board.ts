// A board without CPUs on a clock that the test moves.

import { memoryMap } from "../memory-map.ts";
import { Board } from "../pc.ts";

export interface BareBoard {
  board: Board;
  /** Moves virtual time forward by `ns`, firing what is due on the way. */
  advance(ns: number): void;
  /** INTR line of the 8259A pair. */
  intr(): boolean;
  /** Interrupt messages sent by the IOAPIC, as vectors. */
  vectors: number[];
  remarks: string[];
}

export function bareBoard(): BareBoard {
  let now = 0;
  let intr = false;
  const vectors: number[] = [];
  const remarks: string[] = [];
  const board = new Board(
    {
      map: memoryMap(128 << 20),
      cpus: 1,
      epoch: Date.UTC(2026, 0, 31, 23, 59, 50) / 1000,
      serialPort: true,
      debugConsole: true,
      debugExit: { iobase: 0xf4, iosize: 4 },
      vga: true,
    },
    {
      setIntr: (level) => {
        intr = level;
      },
      apicMessage: (_destination, _logical, _delivery, vector) => {
        vectors.push(vector);
        return true;
      },
      setA20: () => {},
    },
    { now: () => now, shorten: () => {} },
    { read: (_a, n) => new Uint8Array(n), write: () => {} },
    {
      unimplemented: (what) => remarks.push(what),
      absent: (what) => remarks.push(what),
      guestError: (what) => remarks.push(what),
    },
  );
  board.reset();
  return {
    board,
    advance(ns) {
      const end = now + ns;
      while (board.scheduler.next() <= end) {
        now = Math.max(now, board.scheduler.next());
        board.scheduler.runDue(now);
      }
      now = end;
    },
    intr: () => intr,
    vectors,
    remarks,
  };
}
