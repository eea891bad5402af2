// Threads that lend their memory to what they have made until it needs that no more: CLONE_VFORK of clone(2).

import { Thread, threadWithId } from "../libroottask/program";
import { wake } from "../libroottask/wait_queue";
import { waitForever } from "./wait";

/** Key of the wait of a thread that lends its memory; the channel is the thread. */
const LENT: u64 = 1;

/** `thread` lends its memory to `borrower`, which it has made, until that ends or executes a program. */
export function beginLending(thread: Thread, borrower: Thread): void {
  borrower.lender = thread.id;
  thread.lends = borrower.id;
}

/** Waits until `thread` has its memory back. Signals wait as well, but for the last one. */
export function awaitMemory(thread: Thread): void {
  while (thread.lends !== 0) waitForever(thread, changetype<usize>(thread), LENT);
}

/** `borrower` needs lent memory no more: lets the thread that waits for that go on, if there is one. */
export function returnMemory(borrower: Thread): void {
  const lender = threadWithId(borrower.lender);
  borrower.lender = 0;
  if (lender === null || lender.lends !== borrower.id) return;
  lender.lends = 0;
  wake(changetype<usize>(lender), LENT, 1);
}
