// The waiting threads. A thread waits for a channel (the address of an object of the roottask: an
// address space for futexes, a file's record for its readiness) and a key within it; whoever changes the
// object wakes by channel and key, first come, first served. The waiting itself is in thread.ts.
//
// Threads are in lists by channel and key; those that wait for several are in one of their own.

import { smUp } from "../libhedron/hypercalls";
import { Thread, WAIT_INTERRUPTED, WAIT_NONE, WAIT_WOKEN } from "./program";
import { THREAD_SLEEP } from "./selectors";

/** First and last thread of a list. */
@unmanaged
class List {
  first: Thread | null;
  last: Thread | null;
}

const LIST_BYTES: u32 = 8;
const LIST_BITS: u32 = 8;
const LISTS: u32 = 1 << LIST_BITS;
const lists = memory.data((256 + 1) * 8);
/** Of 2^64 by the golden ratio: multiplied by it, what differs little differs in the upper bits (Knuth, vol. 3, 6.4). */
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/** Threads that have begun to wait so far. */
let turns: u64 = 0;

/** Must be called before any thread waits. */
export function initWaitQueue(): void {
  memory.fill(lists, 0, (LISTS + 1) * LIST_BYTES);
  turns = 0;
}

function listAt(index: u32): List {
  return changetype<List>(lists + index * LIST_BYTES);
}

/** Where threads are that wait for `key` of `channel` alone. */
function listOf(channel: usize, key: u64): List {
  const mixed = ((channel as u64) ^ key) * SPREAD;
  return listAt((mixed >> (64 - (LIST_BITS as u64))) as u32);
}

/** Where those are that wait for one of several. */
function choosers(): List {
  return listAt(LISTS);
}

function put(thread: Thread): void {
  const list = thread.choiceCount !== 0 ? choosers() : listOf(thread.channel, thread.key);
  const last = list.last;
  thread.waitTurn = ++turns;
  thread.waitList = changetype<usize>(list);
  thread.waitNext = null;
  thread.waitPrevious = last;
  if (last === null) list.first = thread;
  else last.waitNext = thread;
  list.last = thread;
}

function takeOut(thread: Thread): void {
  const list = changetype<List>(thread.waitList);
  const previous = thread.waitPrevious;
  const next = thread.waitNext;
  if (previous === null) list.first = next;
  else previous.waitNext = next;
  if (next === null) list.last = previous;
  else next.waitPrevious = previous;
}

export function enqueue(thread: Thread, channel: usize, key: u64): void {
  thread.channel = channel;
  thread.key = key;
  thread.outcome = WAIT_NONE;
  thread.waiting = 1;
  put(thread);
}

export function dequeue(thread: Thread): void {
  takeOut(thread);
  thread.waiting = 0;
}

function end(thread: Thread, outcome: u32): void {
  dequeue(thread);
  thread.outcome = outcome;
  smUp(thread.block + THREAD_SLEEP);
}

/** A signal or its program's end has come for a waiting thread. */
export function interrupt(thread: Thread): void {
  end(thread, WAIT_INTERRUPTED);
}

/** Wakes `thread` if it waits, whatever for. */
export function wakeThread(thread: Thread): void {
  if (thread.waiting !== 0) end(thread, WAIT_WOKEN);
}

/** Bytes of a pair of channel and key in `choices` of a thread. */
export const CHOICE_BYTES: u32 = 16;

/** The pair among the choices of `thread` that is `channel` and `key`, which `choice` says then, or 0. */
function choiceOf(thread: Thread, channel: usize, key: u64): usize {
  for (let i: u32 = 0; i < thread.choiceCount; i++) {
    const pair = thread.choices + i * CHOICE_BYTES;
    if (load<u64>(pair) !== (channel as u64) || load<u64>(pair + 8) !== key) continue;
    thread.choice = i;
    return pair;
  }
  return 0;
}

/** The first from `thread` on in its list that waits for `key` of `channel`, or null. */
function among(thread: Thread | null, channel: usize, key: u64): Thread | null {
  let at = thread;
  while (at !== null && (at.channel !== channel || at.key !== key)) at = at.waitNext;
  return at;
}

/** The same of those who wait for one of several. */
function amongChoosers(thread: Thread | null, channel: usize, key: u64): Thread | null {
  let at = thread;
  while (at !== null && choiceOf(at, channel, key) === 0) at = at.waitNext;
  return at;
}

/** What is done with a thread that waits for something; false where it is not one of those that count. */
type Visit = (thread: Thread) => bool;

/** Does `visit` with up to `count` threads that wait for `key` of `channel`, in the order of their coming; the number that counted. */
function visitAll(channel: usize, key: u64, count: u64, visit: Visit): u64 {
  let visited: u64 = 0;
  let thread = among(listOf(channel, key).first, channel, key);
  let chooser = amongChoosers(choosers().first, channel, key);
  while (visited < count) {
    if (thread !== null && (chooser === null || thread.waitTurn < chooser.waitTurn)) {
      const next = among(thread.waitNext, channel, key);
      if (visit(thread)) visited++;
      thread = next;
    } else if (chooser !== null) {
      const next = amongChoosers(chooser.waitNext, channel, key);
      if (visit(chooser)) visited++;
      chooser = next;
    } else {
      break;
    }
  }
  return visited;
}

function wakeOne(thread: Thread): bool {
  end(thread, WAIT_WOKEN);
  return true;
}

/** Wakes up to `count` threads that wait for `key` of `channel`; the number woken. */
export function wake(channel: usize, key: u64, count: u64): u64 {
  if (listOf(channel, key).first === null && choosers().first === null) return 0;
  return visitAll(channel, key, count, wakeOne);
}

let wantedBits: u32 = 0;

function wakeWanted(thread: Thread): bool {
  return (thread.bits & wantedBits) !== 0 && wakeOne(thread);
}

/** As `wake`, of those that wait for one of `bits`. */
export function wakeBits(channel: usize, key: u64, count: u64, bits: u32): u64 {
  wantedBits = bits;
  return visitAll(channel, key, count, wakeWanted);
}

/** The first thread that waits for `key` of `channel` alone, or null. */
export function waiting(channel: usize, key: u64): Thread | null {
  return among(listOf(channel, key).first, channel, key);
}

/** Lets `thread`, which waits, wait for `key` of `channel`, behind all others. */
export function moveBehind(thread: Thread, channel: usize, key: u64): void {
  dequeue(thread);
  enqueue(thread, channel, key);
}

/** What `requeue` moves from, and to. */
let fromChannel: usize = 0;
let fromKey: u64 = 0;
let toChannel: usize = 0;
let toKey: u64 = 0;

function moveOne(thread: Thread): bool {
  if (thread.choiceCount !== 0) {
    const pair = choiceOf(thread, fromChannel, fromKey);
    store<u64>(pair, toChannel as u64);
    store<u64>(pair + 8, toKey);
    return true;
  }
  thread.channel = toChannel;
  thread.key = toKey;
  if (listOf(toChannel, toKey) === changetype<List>(thread.waitList)) return true;
  takeOut(thread);
  put(thread);
  return true;
}

/** Lets up to `count` threads that wait for `key` of `channel` wait for `other` of `to`; the number moved. */
export function requeue(channel: usize, key: u64, to: usize, other: u64, count: u64): u64 {
  fromChannel = channel;
  fromKey = key;
  toChannel = to;
  toKey = other;
  return visitAll(channel, key, count, moveOne);
}
