// Shared memory of System V: shmget(2), shmat(2), shmdt(2), shmctl(2). A segment is a file without a name (as of a
// shared mapping of anonymous memory), whose mappings are counted. Huge pages are not there, as where Linux is built without
// CONFIG_HUGETLBFS.

import { MEM_R, MEM_W, MEM_X } from "../../libhedron/abi";
import { Utcb } from "../../libhedron/utcb";
import {
  Area,
  blocked,
  findRoom,
  firstAbove,
  hasRoomForArea,
  rangeFree,
  SPACE_END,
  SPACE_START,
  Space,
  setAttached,
} from "../../libroottask/areas";
import { CAP_IPC_LOCK, capable } from "../../libroottask/credentials";
import { EACCES, EFAULT, EINVAL, ENOMEM, ENOSPC, EPERM } from "../../libroottask/errno";
import { create, destroy } from "../../libroottask/heap";
import { totalPages } from "../../libroottask/pages";
import { seenId } from "../../libroottask/pid_numbers";
import { grant, takeBack } from "../../libroottask/pregrant";
import { currentThread, Program } from "../../libroottask/program";
import { copyFrom, copyTo, mapShared, unmap } from "../../libroottask/space";
import { dispose, KIND_FILE, Node, newNode } from "../../libroottask/tree";
import { RLIMIT_MEMLOCK } from "../limit_numbers";
import { limitOf } from "../state";
import {
  addObject,
  existing,
  fillPermissions,
  freeIpcSpace,
  highestPlace,
  IPC_INFO,
  IPC_PRIVATE,
  IPC_RMID,
  IPC_SET,
  IPC_STAT,
  ipcSpaceHere,
  NEW,
  nextObject,
  objectToTell,
  objectWith,
  ownsObject,
  PERM_BYTES,
  permitControl,
  permits,
  placeOf,
  removeObject,
  secondsNow,
  takePermissions,
  tellError,
} from "./objects";
import { IpcObject, IpcSpace } from "./records";

/** Flags of shmget(2) and shmat(2), include/uapi/linux/shm.h. */
const SHM_HUGETLB: u64 = 0o4000;
const SHM_NORESERVE: u64 = 0o10000;
const SHM_RDONLY: u64 = 0o10000;
const SHM_RND: u64 = 0o20000;
const SHM_REMAP: u64 = 0o40000;
const SHM_EXEC: u64 = 0o100000;
/** Commands of shmctl(2). */
const SHM_LOCK: u32 = 11;
const SHM_UNLOCK: u32 = 12;
const SHM_STAT: u32 = 13;
const SHM_INFO: u32 = 14;
const SHM_STAT_ANY: u32 = 15;
/** Bits of a mode: it goes with the last mapping, and it is locked. */
const SHM_DEST: u32 = 0o1000;
const SHM_LOCKED: u32 = 0o2000;

const PAGE: u64 = 4096;
/** Largest size of a file: of what a segment is made of. */
const SIZE_MAX: u64 = i64.MAX_VALUE as u64;
const FILE_MODE: u32 = 0o777;

/** struct shmid64_ds, struct shminfo64 and struct shm_info: bytes. */
const DS_BYTES: u32 = 112;
const LIMITS_BYTES: u32 = 72;
const INFO_BYTES: u32 = 48;
const buffer = memory.data(112);

@unmanaged
export class Segment extends IpcObject {
  /** Its contents. */
  node: Node;
  /** Mappings of it. */
  attached: u32;
  /** Process ids of who has made it, and of who has attached or detached it last. */
  maker: u32;
  lastUser: u32;
  attachTime: i64;
  detachTime: i64;
}

function pagesOf(size: u64): u64 {
  return (size + (PAGE - 1)) / PAGE;
}

/** Takes `segment`, which is not mapped, away. */
function removeSegment(segment: Segment): void {
  const space = segment.space;
  const node = segment.node;
  removeObject(space.segments, segment);
  space.pages -= pagesOf(segment.size);
  node.segment = 0;
  node.users--;
  dispose(node);
  destroy<Segment>(segment);
  freeIpcSpace(space);
}

/** The number of mappings of `node`, a segment's, changes by `by`, 1 or -1. */
function attachedBy(node: Node, by: i32): void {
  const segment = changetype<Segment>(node.segment);
  segment.lastUser = currentThread().program.id;
  if (by > 0) segment.attachTime = secondsNow();
  else segment.detachTime = secondsNow();
  count(segment, by);
}

function count(segment: Segment, by: i32): void {
  segment.attached += by;
  if (segment.attached === 0 && (segment.mode & SHM_DEST) !== 0) removeSegment(segment);
}

/** `segment` goes: at once, or when its last mapping does. */
function discard(segment: Segment): void {
  segment.key = IPC_PRIVATE;
  segment.mode |= SHM_DEST;
  if (segment.attached === 0) removeSegment(segment);
}

export function initSegments(): void {
  setAttached(attachedBy);
}

/** Nobody is in `space` any more: its segments go, those that are mapped with the last mapping. */
export function leaveSegments(space: IpcSpace): void {
  let at = nextObject(space.segments, 0);
  while (at !== null) {
    const place = placeOf(at);
    discard(changetype<Segment>(at));
    at = nextObject(space.segments, place + 1);
  }
}

/** A new segment; its id or a negative error. */
function newSegment(program: Program, space: IpcSpace, key: u32, size: u64, flags: u64): i64 {
  if (size < 1 || size > space.shmmax) return -EINVAL;
  const pages = pagesOf(size);
  if (space.pages + pages > space.shmall) return -ENOSPC;
  if ((flags & SHM_HUGETLB) !== 0) return -EINVAL;
  if (size > SIZE_MAX) return -EINVAL;
  if ((flags & SHM_NORESERVE) === 0 && pages > (totalPages() as u64)) return -ENOMEM;
  const segment = create<Segment>();
  const node: Node | null = segment === null ? null : newNode(KIND_FILE, FILE_MODE);
  if (segment === null) return -ENOMEM;
  const id =
    node === null ? -ENOMEM : addObject(space, space.segments, segment, key, flags, space.shmmni);
  if (node === null || id < 0) {
    if (node !== null) dispose(node);
    destroy<Segment>(segment);
    return id;
  }
  node.size = size;
  node.users = 1;
  node.segment = changetype<usize>(segment);
  segment.node = node;
  segment.size = size;
  segment.maker = program.id;
  space.pages += pages;
  return id;
}

/** shmget(key, size, flags). */
export function sysShmget(program: Program, regs: Utcb): i64 {
  const space = ipcSpaceHere();
  if (space === null) return -ENOMEM;
  const key = regs.rdi as u32;
  const id = existing(space.segments, key, regs.rdx, regs.rsi);
  return id === NEW ? newSegment(program, space, key, regs.rsi, regs.rdx) : id;
}

/** Where a mapping of `length` bytes at `wish` (0: anywhere) goes: its address, or a negative error. */
function place(space: Space, wish: u64, length: u64, flags: u64): i64 {
  if (wish === 0) {
    const room = hasRoomForArea(space) ? findRoom(space, length) : 0;
    return room === 0 ? -ENOMEM : (room as i64);
  }
  if ((flags & SHM_REMAP) === 0) {
    if (wish + length < wish || !rangeFree(space, wish, wish + length)) return -EINVAL;
  }
  if (!hasRoomForArea(space)) return -ENOMEM;
  if (wish < SPACE_START) return -EPERM;
  if (length > SPACE_END || wish > SPACE_END - length) return -ENOMEM;
  return blocked(space, wish, wish + length) ? -EINVAL : (wish as i64);
}

/** Maps `segment` as shmat(2) is told to. */
function attach(space: Space, segment: Segment, wish: u64, flags: u64): i64 {
  const reads = (flags & SHM_RDONLY) !== 0;
  let rights: u32 = reads ? MEM_R : MEM_R | MEM_W;
  if ((flags & SHM_EXEC) !== 0) rights |= MEM_X;
  const length = pagesOf(segment.size) * PAGE;
  const at = place(space, wish, length, flags);
  if (at < 0) return at;
  const start = at as u64;
  const denied: u32 = reads ? MEM_W : 0;
  const error = mapShared(space, start, start + length, rights, segment.node, 0, denied);
  return error === 0 ? at : error;
}

/** shmat(id, address, flags). */
export function sysShmat(program: Program, regs: Utcb): i64 {
  const flags = regs.rdx;
  let wish = regs.rsi;
  if ((regs.rdi as i32) < 0) return -EINVAL;
  if (wish !== 0) {
    if ((wish & (PAGE - 1)) !== 0) {
      if ((flags & SHM_RND) === 0) return -EINVAL;
      wish &= ~(PAGE - 1);
      // The page at 0 cannot be mapped.
      if (wish === 0) return (flags & SHM_REMAP) !== 0 ? -EINVAL : -EPERM;
    }
  } else if ((flags & SHM_REMAP) !== 0) {
    return -EINVAL;
  }
  const space = ipcSpaceHere();
  if (space === null) return -ENOMEM;
  const segment = changetype<Segment | null>(objectWith(space.segments, regs.rdi));
  if (segment === null) return -EINVAL;
  let wanted: u32 = (flags & SHM_RDONLY) !== 0 ? 0o444 : 0o666;
  if ((flags & SHM_EXEC) !== 0) wanted |= 0o111;
  if (!permits(segment, wanted)) return -EACCES;
  // What it replaces may be the last mapping of the segment.
  segment.attached++;
  takeBack(program.space);
  const result = attach(program.space, segment, wish, flags);
  grant(program.space);
  count(segment, -1);
  return result;
}

/** `area` is of a segment that has been attached at `start`. */
function isOf(area: Area, start: u64): bool {
  const node = area.node;
  return node !== null && node.segment !== 0 && area.start - start === area.offset;
}

/** Unmaps what is left of the segment that has been attached at `start`. Returns 0 or a negative error. */
function detach(space: Space, start: u64): i64 {
  let area = firstAbove(space, start);
  while (area !== null && (area.start < start || !isOf(area, start))) area = area.next;
  if (area === null) return -EINVAL;
  const node = area.node;
  const end = start + pagesOf(changetype<Segment>((node as Node).segment).size) * PAGE;
  const first = area;
  while (area !== null && (area === first || area.end <= end)) {
    const next: Area | null = area.next;
    if (area.node === node && isOf(area, start)) {
      const error = unmap(space, area.start, area.end);
      if (error !== 0) return error;
    }
    area = next;
  }
  return 0;
}

/** shmdt(address). */
export function sysShmdt(program: Program, regs: Utcb): i64 {
  if ((regs.rdi & (PAGE - 1)) !== 0) return -EINVAL;
  takeBack(program.space);
  const error = detach(program.space, regs.rdi);
  grant(program.space);
  return error;
}

/** IPC_INFO: the limits. */
function tellLimits(program: Program, space: IpcSpace, address: u64): i64 {
  memory.fill(buffer, 0, LIMITS_BYTES);
  store<u64>(buffer, space.shmmax);
  store<u64>(buffer + 8, 1);
  store<u64>(buffer + 16, space.shmmni as u64);
  store<u64>(buffer + 24, space.shmmni as u64);
  store<u64>(buffer + 32, space.shmall);
  if (!copyTo(program.space, address, buffer, LIMITS_BYTES)) return -EFAULT;
  return highestPlace(space.segments);
}

/** SHM_INFO: what is used. */
function tellUse(program: Program, space: IpcSpace, address: u64): i64 {
  let resident: u64 = 0;
  let object = nextObject(space.segments, 0);
  while (object !== null) {
    resident += changetype<Segment>(object).node.pageCount as u64;
    object = nextObject(space.segments, placeOf(object) + 1);
  }
  memory.fill(buffer, 0, INFO_BYTES);
  store<u32>(buffer, space.segments.used);
  store<u64>(buffer + 8, space.pages);
  store<u64>(buffer + 16, resident);
  if (!copyTo(program.space, address, buffer, INFO_BYTES)) return -EFAULT;
  return highestPlace(space.segments);
}

/** IPC_STAT and its like. */
function tell(program: Program, space: IpcSpace, id: u64, command: u32, address: u64): i64 {
  const exact = command === IPC_STAT;
  const object = objectToTell(space.segments, id, exact, command === SHM_STAT_ANY);
  if (object === null) return tellError;
  const segment = changetype<Segment>(object);
  memory.fill(buffer, 0, DS_BYTES);
  fillPermissions(segment, buffer);
  store<u64>(buffer + 48, segment.size);
  store<i64>(buffer + 56, segment.attachTime);
  store<i64>(buffer + 64, segment.detachTime);
  store<i64>(buffer + 72, segment.changeTime);
  store<u32>(buffer + 80, seenId(segment.maker));
  store<u32>(buffer + 84, seenId(segment.lastUser));
  store<u64>(buffer + 88, segment.attached as u64);
  if (!copyTo(program.space, address, buffer, DS_BYTES)) return -EFAULT;
  return exact ? 0 : (segment.id as i64);
}

/** IPC_RMID: at once, or when the last mapping goes. */
function remove(segment: Segment): i64 {
  const error = permitControl(segment);
  if (error !== 0) return error;
  discard(segment);
  return 0;
}

/** Bytes of all segments of the owner of `segment` that are locked, if it were, too. */
function lockedWith(segment: Segment): u64 {
  let pages = pagesOf(segment.size);
  let object = nextObject(segment.space.segments, 0);
  while (object !== null) {
    const counts = object.user === segment.user && (object.mode & SHM_LOCKED) !== 0;
    if (counts) pages += pagesOf(object.size);
    object = nextObject(segment.space.segments, placeOf(object) + 1);
  }
  return pages * PAGE;
}

/** SHM_LOCK and SHM_UNLOCK: memory stays where it is anyway, so that there is nothing but the mark. */
function lock(program: Program, segment: Segment, locks: bool): i64 {
  if (!capable(CAP_IPC_LOCK)) {
    const limit = load<u64>(limitOf(program, RLIMIT_MEMLOCK));
    if (!ownsObject(segment) || (locks && limit === 0)) return -EPERM;
    const more = locks && (segment.mode & SHM_LOCKED) === 0;
    if (more && lockedWith(segment) > limit) return -ENOMEM;
  }
  if (locks) segment.mode |= SHM_LOCKED;
  else segment.mode &= ~SHM_LOCKED;
  return 0;
}

/** shmctl(id, command, buffer). */
export function sysShmctl(program: Program, regs: Utcb): i64 {
  const command = regs.rsi as u32;
  if ((command as i32) < 0 || (regs.rdi as i32) < 0) return -EINVAL;
  const space = ipcSpaceHere();
  if (space === null) return -ENOMEM;
  if (command === IPC_INFO) return tellLimits(program, space, regs.rdx);
  if (command === SHM_INFO) return tellUse(program, space, regs.rdx);
  if (command === IPC_STAT || command === SHM_STAT || command === SHM_STAT_ANY) {
    return tell(program, space, regs.rdi, command, regs.rdx);
  }
  const sets = command === IPC_SET;
  if (sets && !copyFrom(program.space, buffer, regs.rdx, PERM_BYTES)) return -EFAULT;
  const segment = changetype<Segment | null>(objectWith(space.segments, regs.rdi));
  const known = sets || command === IPC_RMID || command === SHM_LOCK || command === SHM_UNLOCK;
  if (segment === null || !known) return -EINVAL;
  if (command === IPC_RMID) return remove(segment);
  if (!sets) return lock(program, segment, command === SHM_LOCK);
  const error = permitControl(segment);
  return error === 0 ? takePermissions(segment, buffer) : error;
}
