// Random bytes of a thread: ChaCha20 with a key of its own, which each refill replaces, and bytes are erased when they
// are handed out, so that nothing in the thread's page tells what it has given (fast key erasure).
//
// A thread may be interrupted at any instruction here and then begins the call again. Bytes therefore count as used
// before the first of them leaves the page, and fresh ones count as there after the key they came from has gone.

import {
  CHACHA_BYTES,
  CHACHA_COUNTER,
  CHACHA_KEY,
  CHACHA_KEY_BYTES,
  makeBlock,
} from "../../libhrstd/chacha20";
import {
  PAGE_RANDOM,
  PAGE_RANDOM_BYTES,
  PAGE_RANDOM_LEFT,
  PAGE_RANDOM_WORK,
  RANDOM_BYTES,
} from "../../libhrstd/mediator_layout";
import { copy, wipe, wipe_stack } from "./stub";
import { load32, store32, store64 } from "./x86";

const BLOCK: u64 = CHACHA_BYTES as u64;

/** Makes RANDOM_BYTES fresh bytes and the next key. */
function refill(page: u64): void {
  const state = page + PAGE_RANDOM;
  const work = page + PAGE_RANDOM_WORK;
  store32(page + PAGE_RANDOM_LEFT, 0);
  let counter: u64 = 0;
  for (; counter < (RANDOM_BYTES as u64) / BLOCK; counter++) {
    store64(state + CHACHA_COUNTER, counter);
    makeBlock<u64>(state, work);
    copy(page + PAGE_RANDOM_BYTES + counter * BLOCK, work, BLOCK);
  }
  store64(state + CHACHA_COUNTER, counter);
  makeBlock<u64>(state, work);
  copy(state + CHACHA_KEY, work, CHACHA_KEY_BYTES);
  // What compiled code keeps on the stack is as good as the bytes.
  wipe_stack(work);
  store32(page + PAGE_RANDOM_LEFT, RANDOM_BYTES);
}

/** Moves `size` bytes, 1 to RANDOM_BYTES, to `address` in the program's memory. */
export function giveRandom(page: u64, address: u64, size: u64): void {
  if (load32(page + PAGE_RANDOM_LEFT) < size) refill(page);
  const left = load32(page + PAGE_RANDOM_LEFT) - size;
  store32(page + PAGE_RANDOM_LEFT, left);
  const bytes = page + PAGE_RANDOM_BYTES + left;
  copy(address, bytes, size);
  wipe(bytes, size);
}
