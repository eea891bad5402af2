// Message queues of System V: messages with types, who waits for one, who waits for room (msgop(2)). A message goes to a
// thread that waits for its like at once, without being in the queue. Calls are in message_calls.ts.

import { E2BIG, EIDRM, ENOMEM } from "../../libroottask/errno";
import { create, destroy } from "../../libroottask/heap";
import { addObject, giveUp, keep, nextObject, removeObject, secondsNow } from "./objects";
import { IpcObject, IpcSpace, Sleeper } from "./records";
import { finish, finishAll, RECEIVES, SENDS } from "./sleepers";

/** How msgrcv(2) looks for a message: any, of a type, of none but that, of the lowest up to it, at a place. */
export const ANY: u32 = 0;
export const EQUAL: u32 = 1;
export const NOT_EQUAL: u32 = 2;
export const UP_TO: u32 = 3;
export const NUMBERED: u32 = 4;

/** Followed by its bytes. */
@unmanaged
export class Message {
  next: Message | null;
  type: i64;
  size: u32;
}

const TEXT: u32 = offsetof<Message>() as u32;

@unmanaged
export class MessageQueue extends IpcObject {
  first: Message | null;
  last: Message | null;
  count: u64;
  bytes: u64;
  /** What `bytes` may be. */
  room: u64;
  /** Processes that have sent and received last, and when, seconds since 1970. */
  sender: u32;
  receiver: u32;
  sendTime: i64;
  receiveTime: i64;
}

/** Waits for a message, which is its `storage` then, or with one for room. */
@unmanaged
export class MessageSleeper extends Sleeper {
  /** How it looks for one, and the largest it takes. */
  mode: u32;
  type: i64;
  limit: u64;
}

/** The bytes of `message`. */
export function textOf(message: Message): usize {
  return changetype<usize>(message) + TEXT;
}

export function bytesOf(message: Message): u32 {
  return TEXT + message.size;
}

/** A message of `size` bytes; null when there can be no more. */
export function newMessage(type: i64, size: u32): Message | null {
  const message = changetype<Message | null>(keep((TEXT as u64) + size));
  if (message === null) return null;
  message.type = type;
  message.size = size;
  return message;
}

export function freeMessage(message: Message): void {
  giveUp(changetype<usize>(message), bytesOf(message));
}

/** A new queue; its id or a negative error. */
export function newQueue(space: IpcSpace, key: u32, flags: u64): i64 {
  const queue = create<MessageQueue>();
  if (queue === null) return -ENOMEM;
  queue.room = space.msgmnb as u64;
  const id = addObject(space, space.queues, queue, key, flags, space.msgmni);
  if (id < 0) destroy<MessageQueue>(queue);
  return id;
}

/** Takes `queue` away with its messages; whoever waits for it is told. */
export function removeQueue(queue: MessageQueue): void {
  const space = queue.space;
  finishAll(queue, -EIDRM);
  removeObject(space.queues, queue);
  space.messages -= queue.count;
  space.messageBytes -= queue.bytes;
  for (let message = queue.first; message !== null; message = queue.first) {
    queue.first = message.next;
    freeMessage(message);
  }
  destroy<MessageQueue>(queue);
}

/** Nobody is in `space` any more. */
export function freeQueues(space: IpcSpace): void {
  for (let at = nextObject(space.queues, 0); at !== null; at = nextObject(space.queues, 0)) {
    removeQueue(changetype<MessageQueue>(at));
  }
}

function isWanted(message: Message, mode: u32, type: i64): bool {
  if (mode === EQUAL) return message.type === type;
  if (mode === NOT_EQUAL) return message.type !== type;
  return mode === UP_TO ? message.type <= type : true;
}

/** The message in front of the one that `findMessage` has found, null where that is the first. */
let inFront: Message | null = null;

/** The message that a receiver gets who looks for `type` in `mode`, or null. */
export function findMessage(queue: MessageQueue, mode: u32, type: i64): Message | null {
  let limit = type;
  let number: i64 = 0;
  let found: Message | null = null;
  let previous: Message | null = null;
  let message = queue.first;
  while (message !== null) {
    const here = mode === NUMBERED ? number === type : isWanted(message, mode, limit);
    if (here) {
      found = message;
      inFront = previous;
      if (mode !== UP_TO || message.type === 1) return found;
      limit = message.type - 1;
    }
    number++;
    previous = message;
    message = message.next;
  }
  return found;
}

/** Process `id` takes `message`, which `findMessage` has found just now; there is room for others then. */
export function takeMessage(queue: MessageQueue, message: Message, id: u32): void {
  const previous = inFront;
  if (previous === null) queue.first = message.next;
  else previous.next = message.next;
  if (queue.last === message) queue.last = previous;
  queue.count--;
  queue.bytes -= message.size as u64;
  queue.space.messages--;
  queue.space.messageBytes -= message.size as u64;
  queue.receiver = id;
  queue.receiveTime = secondsNow();
  tellSenders(queue);
}

export function fits(queue: MessageQueue, size: u32): bool {
  return queue.bytes + (size as u64) <= queue.room && queue.count < queue.room;
}

/** Hands `message` to the first who waits for its like. False where nobody does. */
function handOver(queue: MessageQueue, message: Message): bool {
  let at = queue.sleepers;
  while (at !== null) {
    const next = at.next;
    const sleeper = changetype<MessageSleeper>(at);
    if (at.kind === RECEIVES && isWanted(message, sleeper.mode, sleeper.type)) {
      if ((message.size as u64) <= sleeper.limit) {
        queue.receiver = sleeper.thread.program.id;
        queue.receiveTime = secondsNow();
        sleeper.storage = changetype<usize>(message);
        sleeper.storageBytes = bytesOf(message);
        finish(sleeper, 0);
        return true;
      }
      finish(sleeper, -E2BIG);
    }
    at = next;
  }
  return false;
}

/** Process `id` sends `message`, which fits. */
export function sendMessage(queue: MessageQueue, message: Message, id: u32): void {
  queue.sender = id;
  queue.sendTime = secondsNow();
  if (handOver(queue, message)) return;
  message.next = null;
  const last = queue.last;
  if (last === null) queue.first = message;
  else last.next = message;
  queue.last = message;
  queue.count++;
  queue.bytes += message.size as u64;
  queue.space.messages++;
  queue.space.messageBytes += message.size as u64;
}

/** Sends the messages of those who wait for room, as far as there is, in the order of their coming. */
export function tellSenders(queue: MessageQueue): void {
  let at = queue.sleepers;
  while (at !== null) {
    const next = at.next;
    const message = changetype<Message>(at.storage);
    if (at.kind === SENDS && fits(queue, message.size)) {
      at.storage = 0;
      const id = at.thread.program.id;
      finish(at, 0);
      sendMessage(queue, message, id);
      // Receivers may have been taken out of the list.
      at = queue.sleepers;
    } else {
      at = next;
    }
  }
}
