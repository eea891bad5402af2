// /proc/sysvipc: a line for each object, as sysvipc(7) and Linux's ipc/*.c have it.

import { Program } from "../libroottask/program";
import { Segment } from "../linux/ipc/memory";
import { MessageQueue } from "../linux/ipc/messages";
import { ipcSpaceHere, nextObject, placeOf } from "../linux/ipc/objects";
import { IpcObject, IpcTable } from "../linux/ipc/records";
import { SemaphoreSet } from "../linux/ipc/semaphore_sets";
import { END } from "./sequence";
import { byte, number, octal, padded, text } from "./writer";

type Line = (object: IpcObject) => void;

function field(value: u64, width: u32): void {
  byte(32);
  padded(value, width);
}

/** Key and id as signed numbers, and the mode in octal digits without zeroes in front. */
function beginning(object: IpcObject): void {
  signedKey(object.key as i32);
  field(object.id as u64, 10);
  let digits: u32 = 1;
  while (digits < 4 && object.mode >> (digits * 3) !== 0) digits++;
  text("  ");
  for (let i = digits; i < 4; i++) byte(32);
  octal(object.mode, digits);
}

function signedKey(key: i32): void {
  if (key >= 0) {
    padded(key as u64, 10);
    return;
  }
  const digits = -(key as i64) as u64;
  let width: u32 = 1;
  for (let rest = digits; rest > 0; rest /= 10) width++;
  for (let i = width; i < 10; i++) byte(32);
  byte(45);
  number(digits);
}

function owners(object: IpcObject): void {
  field(object.user as u64, 5);
  field(object.group as u64, 5);
  field(object.creator as u64, 5);
  field(object.creatorGroup as u64, 5);
}

function segmentLine(object: IpcObject): void {
  const segment = changetype<Segment>(object);
  field(segment.size, 21);
  field(segment.maker as u64, 5);
  field(segment.lastUser as u64, 5);
  byte(32);
  field(segment.attached as u64, 5);
  owners(object);
  field(segment.attachTime as u64, 10);
  field(segment.detachTime as u64, 10);
  field(segment.changeTime as u64, 10);
  field((segment.node.pageCount as u64) << 12, 21);
  field(0, 21);
}

function setLine(object: IpcObject): void {
  const set = changetype<SemaphoreSet>(object);
  field(set.size, 10);
  owners(object);
  field(set.operationTime as u64, 10);
  field(set.changeTime as u64, 10);
}

function queueLine(object: IpcObject): void {
  const queue = changetype<MessageQueue>(object);
  byte(32);
  field(queue.bytes, 10);
  field(queue.count, 10);
  field(queue.sender as u64, 5);
  field(queue.receiver as u64, 5);
  owners(object);
  field(queue.sendTime as u64, 10);
  field(queue.receiveTime as u64, 10);
  field(queue.changeTime as u64, 10);
}

/** The line of the first object at place `key` - 1 or behind: its successor's key, END where there is none. */
function nextLine(table: IpcTable, key: u64, line: Line): u64 {
  const object = nextObject(table, (key - 1) as u32);
  if (object === null) return END;
  beginning(object);
  line(object);
  byte(10);
  return (placeOf(object) + 2) as u64;
}

/** /proc/sysvipc/shm, as `program` sees it: record `key` (sequence.ts), the first of which is the heading. */
export function listSegments(program: Program, key: u64): u64 {
  const space = ipcSpaceHere();
  if (key !== 0) return space === null ? END : nextLine(space.segments, key, segmentLine);
  text("       key      shmid perms                  size  cpid  lpid nattch");
  text("   uid   gid  cuid  cgid      atime      dtime      ctime");
  text("                   rss                  swap\n");
  return 1;
}

/** /proc/sysvipc/sem. */
export function listSets(program: Program, key: u64): u64 {
  const space = ipcSpaceHere();
  if (key !== 0) return space === null ? END : nextLine(space.sets, key, setLine);
  text("       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n");
  return 1;
}

/** /proc/sysvipc/msg. */
export function listQueues(program: Program, key: u64): u64 {
  const space = ipcSpaceHere();
  if (key !== 0) return space === null ? END : nextLine(space.queues, key, queueLine);
  text("       key      msqid perms      cbytes       qnum lspid lrpid");
  text("   uid   gid  cuid  cgid      stime      rtime      ctime\n");
  return 1;
}
