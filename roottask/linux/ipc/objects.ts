// What shared memory segments, semaphore sets and message queues of System V have in common (sysvipc(7)): keys, ids,
// owners and permissions, and the threads that wait for them. The first namespace (ipc_namespaces(7)) is one for each line of
// the start file; what is in a namespace ends with it. Ids are Linux's: a place in a table, and above it a number that grows whenever
// places are used again.

import { bootTime, monotonic } from "../../libroottask/clock";
import {
  actor,
  CAP_IPC_OWNER,
  CAP_SYS_ADMIN,
  capable,
  inGroup,
} from "../../libroottask/credentials";
import { EACCES, EEXIST, EINVAL, ENOENT, ENOMEM, ENOSPC, EPERM } from "../../libroottask/errno";
import { allocate, create, destroy, release } from "../../libroottask/heap";
import { totalPages } from "../../libroottask/pages";
import { currentThread } from "../../libroottask/program";
import { OwnNamespace } from "../namespaces/records";
import { linuxThread } from "../state";
import { IpcObject, IpcSpace, IpcTable } from "./records";

/** Flags of shmget(2) and its like, include/uapi/linux/ipc.h. */
export const IPC_PRIVATE: u32 = 0;
const IPC_CREAT: u64 = 0o1000;
const IPC_EXCL: u64 = 0o2000;
export const IPC_NOWAIT: u64 = 0o4000;
/** Commands of shmctl(2) and its like. */
export const IPC_RMID: u32 = 0;
export const IPC_SET: u32 = 1;
export const IPC_STAT: u32 = 2;
export const IPC_INFO: u32 = 3;

/** What may be asked of an object: bits of all three classes. */
export const TO_READ: u32 = 0o444;
export const TO_WRITE: u32 = 0o222;
/** Permission bits of a mode. */
export const PERMISSIONS: u32 = 0o777;

/** Places there are in a table, and bits of an id that say which (IPCMNI). */
export const PLACES: u32 = 32768;
const PLACE_BITS: u32 = 15;
/** Numbers above the place, before they begin again. */
const SEQUENCES: u32 = 65535;
/** Places that are used before the first comes again. */
const CYCLE: u32 = 64;

/** All objects but the contents of segments have this share of RAM at most. */
const SHARE: u64 = 8;

const SECOND: u64 = 1_000_000_000;

/** Result of `existing`: there is none yet, and one is to be made. */
export const NEW: i64 = 1 << 40;

/** Bytes that `keep` has given. */
let kept: u64 = 0;

/** `bytes` of zeroes for an object; 0 where its kind has all it may have, or memory is out. */
export function keep(bytes: u64): usize {
  if (bytes > ((totalPages() as u64) << 12) / SHARE - kept) return 0;
  const storage = allocate(bytes as u32);
  if (storage !== 0) kept += bytes;
  return storage;
}

/** Gives back what `keep` has given. */
export function giveUp(storage: usize, bytes: u32): void {
  release(storage, bytes);
  kept -= bytes as u64;
}

/** Seconds since 1970. */
export function secondsNow(): i64 {
  return bootTime() + ((monotonic() / SECOND) as i64);
}

/** The limits that Linux begins with. */
function setUsualLimits(space: IpcSpace): void {
  space.shmmax = ~(0 as u64) - (1 << 24);
  space.shmall = space.shmmax;
  space.shmmni = 4096;
  space.msgmax = 8192;
  space.msgmnb = 16384;
  space.msgmni = 32000;
  space.semmsl = 32000;
  space.semmns = 1_024_000_000;
  space.semopm = 500;
  space.semmni = 32000;
  space.queuesMax = 256;
  space.msgMax = 10;
  space.msgsizeMax = 8192;
  space.msgDefault = 10;
  space.msgsizeDefault = 8192;
}

export function newIpcSpace(): IpcSpace | null {
  const space = create<IpcSpace>();
  if (space === null) return null;
  const segments = create<IpcTable>();
  const sets = create<IpcTable>();
  const queues = create<IpcTable>();
  if (segments === null || sets === null || queues === null) {
    if (segments !== null) destroy<IpcTable>(segments);
    if (sets !== null) destroy<IpcTable>(sets);
    destroy<IpcSpace>(space);
    return null;
  }
  space.segments = segments;
  space.sets = sets;
  space.queues = queues;
  segments.wanted = -1;
  sets.wanted = -1;
  queues.wanted = -1;
  setUsualLimits(space);
  return space;
}

/** Of the calling thread; null where it has had none and memory is out. */
export function ipcSpaceHere(): IpcSpace | null {
  const thread = currentThread();
  const namespace = linuxThread(thread).ipcNamespace;
  if (namespace !== 0) {
    return changetype<IpcSpace>(changetype<OwnNamespace>(namespace).contents);
  }
  const entry = thread.program.entry;
  if (entry.ipc === 0) entry.ipc = changetype<usize>(newIpcSpace());
  return changetype<IpcSpace | null>(entry.ipc);
}

function freeTable(table: IpcTable): void {
  if (table.capacity !== 0) release(table.places, table.capacity << 2);
  destroy<IpcTable>(table);
}

/** Frees `space` where nobody is in it and nothing is left that somebody has mapped or open. */
export function freeIpcSpace(space: IpcSpace): void {
  if (space.left === 0 || space.segments.used !== 0 || space.posixQueues !== 0) return;
  freeTable(space.segments);
  freeTable(space.sets);
  freeTable(space.queues);
  destroy<IpcSpace>(space);
}

/** The object at `place`, or null. */
export function objectAt(table: IpcTable, place: u32): IpcObject | null {
  return place < table.capacity
    ? changetype<IpcObject | null>(load<usize>(table.places + (place << 2)))
    : null;
}

/** The object with this id, or null: -EINVAL. */
export function objectWith(table: IpcTable, id: u64): IpcObject | null {
  const object = objectAt(table, (id as u32) & (PLACES - 1));
  return object !== null && object.id === (id as u32) ? object : null;
}

/** The first object from `place` on, or null; its place is that of its id. */
export function nextObject(table: IpcTable, place: u32): IpcObject | null {
  for (let at = place; at < table.capacity; at++) {
    const object = objectAt(table, at);
    if (object !== null) return object;
  }
  return null;
}

/** Place of an object in its table. */
export function placeOf(object: IpcObject): u32 {
  return object.id & (PLACES - 1);
}

/** The highest place that is taken, 0 where none is: what IPC_INFO returns. */
export function highestPlace(table: IpcTable): i64 {
  for (let place = table.capacity; place > 0; place--) {
    if (objectAt(table, place - 1) !== null) return (place - 1) as i64;
  }
  return 0;
}

/** Makes room for places below `end`. False when memory is out. */
function makeRoom(table: IpcTable, end: u32): bool {
  if (end <= table.capacity) return true;
  const capacity = max<u32>(table.capacity * 2, CYCLE);
  const places = allocate(capacity << 2);
  if (places === 0) return false;
  if (table.capacity !== 0) {
    memory.copy(places, table.places, table.capacity << 2);
    release(table.places, table.capacity << 2);
  }
  table.places = places;
  table.capacity = capacity;
  return makeRoom(table, end);
}

/** The free place for the next object: the first behind the last one, then from the beginning. */
function freePlace(table: IpcTable): u32 {
  const end = min<u32>(max<u32>((table.used * 3) / 2, CYCLE), PLACES);
  let place: u32 = table.next < end ? table.next : 0;
  while (objectAt(table, place) !== null) place = place + 1 < end ? place + 1 : 0;
  return place;
}

/** Takes a place for a new object and makes the number above it the id's: the place, -ENOSPC or -ENOMEM. */
function takePlace(table: IpcTable): i64 {
  const wanted = table.wanted;
  if (wanted >= 0) {
    // What /proc/sys/kernel/msg_next_id and its like say counts once.
    table.wanted = -1;
    let place = (wanted as u32) & (PLACES - 1);
    while (objectAt(table, place) !== null) place++;
    if (place >= PLACES) return -ENOSPC;
    if (!makeRoom(table, place + 1)) return -ENOMEM;
    taken = ((wanted as u32) & ~(PLACES - 1)) | place;
    return place as i64;
  }
  const place = freePlace(table);
  if (!makeRoom(table, place + 1)) return -ENOMEM;
  if (place < table.next)
    table.sequence = table.sequence + 1 === SEQUENCES ? 0 : table.sequence + 1;
  table.next = place + 1;
  taken = (table.sequence << PLACE_BITS) | place;
  return place as i64;
}

/** The id that goes with what `takePlace` has returned. */
let taken: u32 = 0;

/** Gives the new `object` an id and what it is known by; its id, -ENOSPC where there are `limit`, or -ENOMEM. */
export function addObject(
  space: IpcSpace,
  table: IpcTable,
  object: IpcObject,
  key: u32,
  flags: u64,
  limit: u32,
): i64 {
  if (table.used >= limit) return -ENOSPC;
  const place = takePlace(table);
  if (place < 0) return place;
  table.used++;
  store<usize>(table.places + ((place as u32) << 2), changetype<usize>(object));
  object.id = taken;
  object.key = key;
  object.mode = (flags as u32) & PERMISSIONS;
  object.user = actor.effectiveUser;
  object.group = actor.effectiveGroup;
  object.creator = object.user;
  object.creatorGroup = object.group;
  object.changeTime = secondsNow();
  object.space = space;
  return object.id as i64;
}

/** Takes `object` out of its table. */
export function removeObject(table: IpcTable, object: IpcObject): void {
  store<usize>(table.places + (placeOf(object) << 2), 0);
  table.used--;
}

/** The caller may do what `wanted` has, permission bits of any class. */
export function permits(object: IpcObject, wanted: u32): bool {
  const bits = ((wanted >> 6) | (wanted >> 3) | wanted) & 7;
  const user = actor.effectiveUser;
  let granted = object.mode;
  if (user === object.creator || user === object.user) granted >>= 6;
  else if (inGroup(object.creatorGroup) || inGroup(object.group)) granted >>= 3;
  return (bits & ~(granted & 7)) === 0 || capable(CAP_IPC_OWNER);
}

/** The caller owns or has made the object. */
export function ownsObject(object: IpcObject): bool {
  const user = actor.effectiveUser;
  return user === object.user || user === object.creator;
}

/** The caller may remove the object and change its owner: 0, or -EPERM. */
export function permitControl(object: IpcObject): i64 {
  return ownsObject(object) || capable(CAP_SYS_ADMIN) ? 0 : -EPERM;
}

function withKey(table: IpcTable, key: u32): IpcObject | null {
  let object = nextObject(table, 0);
  while (object !== null && object.key !== key) object = nextObject(table, placeOf(object) + 1);
  return object;
}

/** The id of the object of `key` that has at least `size`, NEW where `flags` want one that is not there, or an error. */
export function existing(table: IpcTable, key: u32, flags: u64, size: u64): i64 {
  if (key === IPC_PRIVATE) return NEW;
  const object = withKey(table, key);
  if (object === null) return (flags & IPC_CREAT) !== 0 ? NEW : -ENOENT;
  if ((flags & IPC_CREAT) !== 0 && (flags & IPC_EXCL) !== 0) return -EEXIST;
  if (size > object.size) return -EINVAL;
  return permits(object, (flags as u32) & PERMISSIONS) ? (object.id as i64) : -EACCES;
}

/** struct ipc64_perm: bytes, and where owner and mode are. */
export const PERM_BYTES: u32 = 48;
const PERM_USER: usize = 4;
const PERM_GROUP: usize = 8;
const PERM_MODE: usize = 20;

/** Writes the struct ipc64_perm of `object` to `target`, which is zeroes. */
export function fillPermissions(object: IpcObject, target: usize): void {
  store<u32>(target, object.key);
  store<u32>(target + PERM_USER, object.user);
  store<u32>(target + PERM_GROUP, object.group);
  store<u32>(target + 12, object.creator);
  store<u32>(target + 16, object.creatorGroup);
  store<u32>(target + PERM_MODE, object.mode);
  store<u16>(target + 24, (object.id >> PLACE_BITS) as u16);
}

/** IPC_SET: takes owner and permissions from the struct ipc64_perm at `source`. Returns 0, or -EINVAL where they are none. */
export function takePermissions(object: IpcObject, source: usize): i64 {
  const user = load<u32>(source + PERM_USER);
  const group = load<u32>(source + PERM_GROUP);
  if (user === u32.MAX_VALUE || group === u32.MAX_VALUE) return -EINVAL;
  object.user = user;
  object.group = group;
  const mode = load<u32>(source + PERM_MODE);
  object.mode = (object.mode & ~PERMISSIONS) | (mode & PERMISSIONS);
  object.changeTime = secondsNow();
  return 0;
}

/** Why `objectToTell` has found none. */
export let tellError: i64 = 0;

/**
 * The object that a command like IPC_STAT is about: `id` is its id where `exact`, its place otherwise, and `anybody` may
 * ask. Null: `tellError`.
 */
export function objectToTell(
  table: IpcTable,
  id: u64,
  exact: bool,
  anybody: bool,
): IpcObject | null {
  const object = exact ? objectWith(table, id) : objectAt(table, (id as u32) & (PLACES - 1));
  tellError = object === null ? -EINVAL : -EACCES;
  return object !== null && (anybody || permits(object, TO_READ)) ? object : null;
}
