// Waiting for time and for files: poll_oneoff of WASI preview 1 by ppoll.

import { call2, call3, call5, map, SYS_CLOCK_GETTIME, SYS_IOCTL, SYS_PPOLL, unmap } from "./calls";
import { find, host } from "./descriptors";
import { EBADF, EINVAL, EOVERFLOW, errorOf, SUCCESS } from "./errno";
import { FD_READ, FD_WRITE, POLL_FD_READWRITE } from "./rights";
import { isInside, scratch, WORDS } from "./scratch";
import { load16, load32, load64, store32, store64 } from "./x86";

/** Bytes of `subscription` and `event`. */
const SUBSCRIPTION: u32 = 48;
const EVENT: u32 = 32;

const TYPE_CLOCK: u8 = 0;
const TYPE_FD_READ: u8 = 1;
const TYPE_FD_WRITE: u8 = 2;

const POLLIN: u32 = 1;
const POLLOUT: u32 = 4;
const POLLHUP: u64 = 16;
const POLLNVAL: u64 = 32;
/** A pollfd that waits for nothing, and one whose descriptor is not open. */
const NOTHING: u64 = 0xffffffff;
const NOT_OPEN: u64 = 0xfffffffe;

const FIONREAD: u64 = 0x541b;

let hasTimeout: bool = false;
let timeout: u64 = 0;
/** Subscription of the clock that is the first to be due. */
let due: u32 = 0;
let anyNotOpen: bool = false;

/** Nanoseconds until the clock of a subscription is due. */
function remaining(at: u32): i64 {
  const limit = load<u64>(at + 24);
  if ((load<u16>(at + 40) & 1) === 0) return <i64>min(limit, <u64>i64.MAX_VALUE);
  const words = scratch(WORDS);
  const error = call2(SYS_CLOCK_GETTIME, load<u32>(at + 16), words);
  if (error < 0) return error;
  const now = load64(words) * 1000000000 + load64(words + 8);
  return limit > now ? <i64>min(limit - now, <u64>i64.MAX_VALUE) : 0;
}

/** Makes pollfds of the subscriptions. */
function prepare(input: u32, count: u32, polled: u64): i32 {
  hasTimeout = false;
  anyNotOpen = false;
  for (let i: u32 = 0; i < count; i++) {
    const at = input + i * SUBSCRIPTION;
    const type = load<u8>(at + 8);
    const to = polled + ((<u64>i) << 3);
    store64(to, NOTHING);
    if (type === TYPE_CLOCK) {
      const time = remaining(at);
      if (time < 0) return errorOf(time);
      if (!hasTimeout || <u64>time < timeout) {
        timeout = time;
        due = i;
        hasTimeout = true;
      }
    } else if (type === TYPE_FD_READ || type === TYPE_FD_WRITE) {
      const right = type === TYPE_FD_READ ? FD_READ : FD_WRITE;
      const error = find(load<u32>(at + 16), POLL_FD_READWRITE | right);
      if (error === EBADF) {
        store64(to, NOT_OPEN);
        anyNotOpen = true;
      } else if (error !== SUCCESS) return error;
      else {
        store32(to, host());
        store32(to + 4, type === TYPE_FD_READ ? POLLIN : POLLOUT);
      }
    } else return EINVAL;
  }
  return SUCCESS;
}

function putEvent(at: u32, subscription: u32, error: i32, type: u8): void {
  store<u64>(at, load<u64>(subscription));
  store<u64>(at + 8, <u64>error | ((<u64>type) << 16));
  store<u64>(at + 16, 0);
  store<u64>(at + 24, 0);
}

/** Stores the events of what has come; returns how many. */
function putEvents(input: u32, count: u32, polled: u64, output: u32): u32 {
  let events: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const from = polled + ((<u64>i) << 3);
    const isOpen = load64(from) !== NOT_OPEN;
    const state = load16(from + 6);
    if (isOpen && state === 0) continue;
    const at = output + events++ * EVENT;
    const subscription = input + i * SUBSCRIPTION;
    const type = load<u8>(subscription + 8);
    const isBad = !isOpen || (state & POLLNVAL) !== 0;
    putEvent(at, subscription, isBad ? EBADF : SUCCESS, type);
    if (isBad) continue;
    const words = scratch(WORDS);
    if (type === TYPE_FD_READ && call3(SYS_IOCTL, load32(from), FIONREAD, words) === 0) {
      store<u64>(at + 16, load32(words));
    }
    if ((state & POLLHUP) !== 0) store<u16>(at + 24, 1);
  }
  if (events === 0) putEvent(output, input + due * SUBSCRIPTION, SUCCESS, TYPE_CLOCK);
  return max(events, 1);
}

export function poll_oneoff(input: u32, output: u32, count: u32, at: u32): i32 {
  if (!isInside(input, <u64>count * SUBSCRIPTION)) return EOVERFLOW;
  if (!isInside(output, <u64>count * EVENT) || !isInside(at, 4)) return EOVERFLOW;
  if (count === 0) return EINVAL;
  const size = (<u64>count) << 3;
  const polled = map(size);
  let error = prepare(input, count, polled);
  if (error === SUCCESS) {
    const words = scratch(WORDS);
    if (anyNotOpen) timeout = 0;
    store64(words, timeout / 1000000000);
    store64(words + 8, timeout % 1000000000);
    const limit = hasTimeout || anyNotOpen ? words : 0;
    error = errorOf(call5(SYS_PPOLL, polled, count, limit, 0, 8));
    if (error === SUCCESS) store<u32>(at, putEvents(input, count, polled, output));
  }
  unmap(polled, size);
  return error;
}
