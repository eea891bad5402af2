// What a stream of AF_INET or AF_INET6 keeps back (tcp(7), TCP_CORK; send(2), MSG_MORE): bytes that fill no segment wait for
// more, for somebody who asks for them to be sent, or for 200 ms, after which Linux's probe timer sends them.

import { Alarm, cancelAlarm, setAlarm } from "./alarms";
import { monotonic } from "./clock";
import { create, destroy } from "./heap";
import { Inet, inetOf, optionValue } from "./inet";
import { CONNECTED, Message, Socket } from "./socket";
import { freeMessage } from "./socket_messages";

/** TCP_RTO_MIN of Linux, nanoseconds. */
const PATIENCE: u64 = 200_000_000;

/** Places among the values of options (inet.ts): TCP_MAXSEG and TCP_CORK. */
export const VALUE_SEGMENT: u32 = 10;
export const VALUE_TCP_CORK: u32 = 18;

/** What a segment over lo carries, without the heads of IPv4 and TCP; time stamps take of it. */
const SEGMENT: i32 = 65_495;
const STAMPS: i32 = 12;
/** Half of the first window: no segment is larger (tcp_bound_to_half_wnd() of Linux). */
const HALF_WINDOW: i32 = 32_741;
/** Of a socket that is not connected. */
export const SEGMENT_FIRST: i32 = 536;

/** The largest segment that `socket` has asked for. */
function wantedSegment(socket: Socket): i32 {
  const wanted = optionValue(socket, VALUE_SEGMENT);
  return wanted === 0 ? SEGMENT : wanted;
}

/** TCP_MAXSEG: the smaller of what both sides ask for. */
export function segmentOf(socket: Socket): i32 {
  if (socket.state !== CONNECTED) {
    const wanted = optionValue(socket, VALUE_SEGMENT);
    return wanted === 0 ? SEGMENT_FIRST : wanted;
  }
  const peer = socket.peer;
  const other = peer === null ? SEGMENT : wantedSegment(peer);
  return min<i32>(wantedSegment(socket), other) - STAMPS;
}

/** How many bytes more `socket` may keep back: with them it has a segment. */
export function heldRoom(socket: Socket): u32 {
  const segment = max<i32>(min<i32>(segmentOf(socket), HALF_WINDOW), 1) as u32;
  const held = inetOf(socket).held;
  return segment > held ? segment - held : 0;
}

/** The message that is last among those kept back, or null. */
export function lastHeld(socket: Socket): Message | null {
  let last = inetOf(socket).collected;
  while (last !== null && last.next !== null) last = last.next;
  return last;
}

/** Keeps `message` back, behind the others. */
export function hold(socket: Socket, message: Message): void {
  const last = lastHeld(socket);
  if (last === null) inetOf(socket).collected = message;
  else last.next = message;
}

/** Sees to it that `push` is called with `socket` when it has kept something back for long. */
export function limitHold(socket: Socket, push: (socket: usize) => void): void {
  const inet = inetOf(socket);
  if (inet.alarm === 0) {
    const made = create<Alarm>();
    // Without memory for it what is held goes with what comes behind.
    if (made === null) return;
    made.owner = changetype<usize>(socket);
    made.ring = push;
    inet.alarm = changetype<usize>(made);
  }
  const alarm = changetype<Alarm>(inet.alarm);
  if (alarm.armed === 0) setAlarm(alarm, monotonic() + PATIENCE);
}

/** Takes what is kept back, a list of messages; null where there is nothing. */
export function takeHeld(socket: Socket): Message | null {
  const inet = inetOf(socket);
  const first = inet.collected;
  inet.collected = null;
  inet.held = 0;
  stopAlarm(inet);
  return first;
}

function stopAlarm(inet: Inet): void {
  if (inet.alarm !== 0) cancelAlarm(changetype<Alarm>(inet.alarm));
}

/** What `first`, a list that `takeHeld` has given, has goes nowhere. */
export function freeHeld(first: Message | null): void {
  let message = first;
  while (message !== null) {
    const next: Message | null = message.next;
    freeMessage(message);
    message = next;
  }
}

/** `socket` is about to go. */
export function endHold(socket: Socket): void {
  freeHeld(takeHeld(socket));
  const inet = inetOf(socket);
  if (inet.alarm === 0) return;
  destroy<Alarm>(changetype<Alarm>(inet.alarm));
  inet.alarm = 0;
}
