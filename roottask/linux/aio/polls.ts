// Requests that wait for a file to become ready: IOCB_CMD_POLL of io_submit(2). A watch on the file's node tells of it; the
// request's event is there at once, and what it holds is let go when the call under way is over, as that may be about the
// same file.

import { EINVAL, ENOMEM } from "../../libroottask/errno";
import { addToEventfd } from "../../libroottask/eventfd";
import { create, destroy } from "../../libroottask/heap";
import { canPoll, dropFile, OpenFile, sourceOf } from "../../libroottask/open_file";
import { totalPages } from "../../libroottask/pages";
import { POLL_READY, POLLERR, POLLHUP } from "../../libroottask/poll_events";
import { unwatch, Watch, watch } from "../../libroottask/watches";
import { addEvent, Context } from "./contexts";

/** Share of RAM that requests may have in all, as a divisor, and about what one takes, bytes. */
const SHARE: u64 = 25;
const REQUEST_BYTES: u64 = 128;
const PAGE: u64 = 4096;

@unmanaged
class Poll {
  context: Context;
  file: OpenFile;
  /** The eventfd that is told, or null. */
  told: OpenFile | null;
  watch: Watch;
  events: u32;
  data: u64;
  iocb: u64;
  previous: Poll | null;
  next: Poll | null;
}

let count: u64 = 0;
/** The first of those that are over. */
let over: Poll | null = null;

function enter(request: Poll): void {
  const context = request.context;
  const first = changetype<Poll | null>(context.pending);
  request.previous = null;
  request.next = first;
  if (first !== null) first.previous = request;
  context.pending = changetype<usize>(request);
  context.pendingCount++;
}

/** `request` waits no more. */
function leave(request: Poll): void {
  const context = request.context;
  const previous = request.previous;
  const next = request.next;
  if (previous === null) context.pending = changetype<usize>(next);
  else previous.next = next;
  if (next !== null) next.previous = previous;
  context.pendingCount--;
  request.events = 0;
  request.next = over;
  over = request;
}

/** The file of `request`, which waits, is ready for `events`. */
function complete(request: Poll, events: u32): void {
  const told = request.told;
  leave(request);
  addEvent(request.context, request.data, request.iocb, events as i64);
  if (told !== null) addToEventfd(told);
}

function tell(made: Watch, _events: u32): bool {
  const request = changetype<Poll>(made.owner);
  // One that is over has none.
  if (request.events === 0) return false;
  const poll = request.file.operations.poll;
  const ready = poll(request.file) & request.events;
  if (ready === 0) return false;
  complete(request, ready);
  return true;
}

function free(request: Poll): void {
  unwatch(request.watch);
  const file = request.file;
  const told = request.told;
  destroy<Poll>(request);
  count--;
  file.users--;
  dropFile(file);
  if (told === null) return;
  told.users--;
  dropFile(told);
}

/** Comes when a call is over: lets go what requests held that are over. */
export function freeOver(): void {
  let request = over;
  while (request !== null) {
    over = request.next;
    free(request);
    request = over;
  }
}

/** Takes back all that wait of `context`; nobody is told. */
export function cancelPolls(context: Context): void {
  while (context.pending !== 0) leave(changetype<Poll>(context.pending));
  freeOver();
}

/** Cancels the request of `context` at `iocb`, whose event tells nothing: false where there is none. */
export function cancelPoll(context: Context, iocb: u64): bool {
  let request = changetype<Poll | null>(context.pending);
  while (request !== null && request.iocb !== iocb) request = request.next;
  if (request === null) return false;
  complete(request, 0);
  return true;
}

/** The result of `startPoll` where the file was ready: POLL… events. */
export let polled: u32 = 0;

/**
 * Lets `context` have an event when `file` is ready for `wanted`, POLL…, and `told` be counted up. 0 where that is so now
 * (`polled`), 1 where it will be, or a negative error.
 */
export function startPoll(
  context: Context,
  file: OpenFile,
  told: OpenFile | null,
  wanted: u32,
  data: u64,
  iocb: u64,
): i64 {
  const events = wanted | POLLERR | POLLHUP;
  const poll = file.operations.poll;
  polled = (canPoll(file) ? poll(file) : POLL_READY) & events;
  if (polled !== 0) return 0;
  if (!canPoll(file)) return -EINVAL;
  if (count * REQUEST_BYTES > ((totalPages() as u64) * PAGE) / SHARE) return -ENOMEM;
  const request = create<Poll>();
  if (request === null) return -ENOMEM;
  const made = watch(sourceOf(file), tell, changetype<usize>(request), false);
  if (made === null) {
    destroy<Poll>(request);
    return -ENOMEM;
  }
  request.context = context;
  request.file = file;
  request.told = told;
  request.watch = made;
  request.events = events;
  request.data = data;
  request.iocb = iocb;
  file.users++;
  if (told !== null) told.users++;
  count++;
  enter(request);
  return 1;
}
