// The memory of a tracee, as a tracer reads and writes it: whatever rights the tracee has there (FOLL_FORCE of Linux). What is
// written to a page that others have too is written to a copy.

import { Space } from "../../libroottask/areas";
import { inPage, pointerTo, pointerToWriteAnyway } from "../../libroottask/space";
import { fillBytes, Transfer, takeBytes } from "../../libroottask/transfer";

const word = memory.data(8);

/** What `peek` has read. */
export let peeked: u64 = 0;

/** Reads the word at `address`. False where there is none. */
export function peek(space: Space, address: u64): bool {
  for (let done: u32 = 0; done < 8; ) {
    const from = pointerTo(space, address + (done as u64), 0);
    if (from === 0) return false;
    const piece = inPage(address + (done as u64), (8 - done) as u64);
    memory.copy(word + done, from, piece);
    done += piece;
  }
  peeked = load<u64>(word);
  return true;
}

/** Writes `value` to `address`. False where that cannot be. */
export function poke(space: Space, address: u64, value: u64): bool {
  store<u64>(word, value);
  for (let done: u32 = 0; done < 8; ) {
    const to = pointerToWriteAnyway(space, address + (done as u64));
    if (to === 0) return false;
    const piece = inPage(address + (done as u64), (8 - done) as u64);
    memory.copy(to, word + done, piece);
    done += piece;
  }
  return true;
}

/** Passes memory at `address` on, from the tracee or where it `writes` to it: how many bytes. */
export function passAnyway(space: Space, transfer: Transfer, address: u64, writes: bool): u64 {
  let done: u64 = 0;
  while (transfer.left !== 0) {
    const at = writes
      ? pointerToWriteAnyway(space, address + done)
      : pointerTo(space, address + done, 0);
    if (at === 0) break;
    const piece = inPage(address + done, transfer.left);
    const passed = writes ? takeBytes(transfer, at, piece) : fillBytes(transfer, at, piece);
    done += passed as u64;
    if (passed !== piece) break;
  }
  return done;
}
