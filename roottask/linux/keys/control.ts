// keyctl(2): what is done with keys and keyrings that are there. Left out: keys that somebody is asked to make (their makers
// have no authority, as nobody is asked), persistent keyrings, restrictions of links, public keys and Diffie-Hellman.

import { decimal, hexadecimal } from "../../../tools/screen/guest/digits";
import { Utcb } from "../../libhedron/utcb";
import { actor, CAP_SYS_ADMIN, capable, inGroup } from "../../libroottask/credentials";
import {
  EACCES,
  EAGAIN,
  EDQUOT,
  EEXIST,
  EFAULT,
  EINVAL,
  ENOENT,
  ENOKEY,
  ENOMEM,
  ENOTDIR,
  EOPNOTSUPP,
  EPERM,
} from "../../libroottask/errno";
import { Program, Thread } from "../../libroottask/program";
import { copyTo } from "../../libroottask/space";
import { copyLiteral } from "../../libroottask/text";
import { secondsNow } from "../ipc/objects";
import { linuxThread } from "../state";
import {
  description,
  descriptionLength,
  dropPayload,
  keepPayload,
  link,
  readDescription,
  readPayload,
  typeAt,
} from "./calls";
import {
  ALL,
  checkPayload,
  clearRing,
  hasQuota,
  invalidateKey,
  Key,
  KeyStore,
  keepKey,
  keyError,
  LINK,
  Member,
  memberNamed,
  newKey,
  POSSESSOR,
  permitsKey,
  READ,
  revokeKey,
  ringNamed,
  SEARCH,
  SETATTR,
  stateOf,
  storeOf,
  TYPE_KEYRING,
  TYPE_LOGON,
  TYPE_USER,
  TYPES,
  USER,
  unlinkKey,
  userOf,
  VIEW,
  validKey,
  WRITE,
} from "./records";
import {
  ANYTHING,
  isPossessed,
  lookedUp,
  lookUp,
  makeProcessRing,
  makeThreadRing,
  newSession,
  setSession,
} from "./rings";
import { foundKey, searchNamed } from "./search";

/** Operations, include/uapi/linux/keyctl.h. */
const KEYCTL_GET_KEYRING_ID: u32 = 0;
const KEYCTL_JOIN_SESSION_KEYRING: u32 = 1;
const KEYCTL_UPDATE: u32 = 2;
const KEYCTL_REVOKE: u32 = 3;
const KEYCTL_CHOWN: u32 = 4;
const KEYCTL_SETPERM: u32 = 5;
const KEYCTL_DESCRIBE: u32 = 6;
const KEYCTL_CLEAR: u32 = 7;
const KEYCTL_LINK: u32 = 8;
const KEYCTL_UNLINK: u32 = 9;
const KEYCTL_SEARCH: u32 = 10;
const KEYCTL_READ: u32 = 11;
const KEYCTL_INSTANTIATE: u32 = 12;
const KEYCTL_NEGATE: u32 = 13;
const KEYCTL_SET_REQKEY_KEYRING: u32 = 14;
const KEYCTL_SET_TIMEOUT: u32 = 15;
const KEYCTL_ASSUME_AUTHORITY: u32 = 16;
const KEYCTL_GET_SECURITY: u32 = 17;
const KEYCTL_REJECT: u32 = 19;
const KEYCTL_INSTANTIATE_IOV: u32 = 20;
const KEYCTL_INVALIDATE: u32 = 21;
const KEYCTL_MOVE: u32 = 30;
const KEYCTL_CAPABILITIES: u32 = 31;

/** Every right of every class. */
const RIGHTS: u32 = 0x3f3f_3f3f;
const NAMED_SESSION_RIGHTS: u32 = (ALL << POSSESSOR) | ((VIEW | READ | LINK) << USER);
/** KEY_REQKEY_DEFL_…: thread, process, the last that there is, and none. */
const REQUEST_THREAD: u32 = 1;
const REQUEST_PROCESS: u32 = 2;
const REQUEST_LAST: u32 = 5;
const NO_CHANGE: i32 = -1;
/** KEYCTL_MOVE_EXCL. */
const MOVE_EXCLUSIVE: u32 = 1;
const OVERFLOW_GROUP: i32 = 65534;
const PAYLOAD_MAX: u64 = 4096;
/** KEYCTL_CAPS0_…: capabilities, invalidating and moving. */
const CAPABILITIES: u8 = 0xa1;
const CAPABILITY_BYTES: u32 = 2;

const text = memory.data(4352);
const small = memory.data(8);

/** KEYCTL_JOIN_SESSION_KEYRING: a session without a name, or the one of that name. */
function joinSession(thread: Thread, keys: KeyStore, address: u64): i64 {
  if (address !== 0) {
    const error = readDescription(thread.program, address);
    if (error !== 0) return error;
    if (load<u8>(description) === 46) return -EPERM;
    const present = ringNamed(keys, description, descriptionLength, actor);
    if (present !== null) {
      setSession(thread, keepKey(present));
      return present.order as i64;
    }
    const ring = newKey(
      keys,
      TYPE_KEYRING,
      description,
      descriptionLength,
      actor.user,
      actor.group,
      NAMED_SESSION_RIGHTS,
      true,
      0,
    );
    if (ring === null) return keyError;
    setSession(thread, ring);
    return ring.order as i64;
  }
  const error = newSession(thread, keys);
  return error !== 0 ? error : (changetype<Key>(linuxThread(thread).sessionKeys).order as i64);
}

/** KEYCTL_UPDATE. */
function update(thread: Thread, keys: KeyStore, id: i32, address: u64, length: u64): i64 {
  if (length > PAYLOAD_MAX) return -EINVAL;
  const bytes = length as u32;
  let result = readPayload(thread.program, address, bytes);
  if (result !== 0) return result;
  result = lookUp(thread, keys, id, false, false, WRITE);
  if (result === 0) {
    if (lookedUp.type === TYPE_KEYRING) result = -EOPNOTSUPP;
    else result = checkPayload(lookedUp.type, length);
  }
  if (result === 0) result = keepPayload(lookedUp, bytes);
  dropPayload(bytes);
  return result;
}

/** KEYCTL_REVOKE. */
function revoke(thread: Thread, keys: KeyStore, id: i32): i64 {
  let error = lookUp(thread, keys, id, false, false, WRITE);
  if (error === -EACCES) error = lookUp(thread, keys, id, false, false, SETATTR);
  if (error === 0) revokeKey(lookedUp);
  return error;
}

/** KEYCTL_CHOWN. */
function chown(thread: Thread, keys: KeyStore, id: i32, user: u32, group: u32): i64 {
  if ((user as i32) === -1 && (group as i32) === -1) return 0;
  const error = lookUp(thread, keys, id, true, true, SETATTR);
  if (error !== 0) return error;
  const key = lookedUp;
  if (!capable(CAP_SYS_ADMIN)) {
    if ((user as i32) !== -1 && user !== key.owner) return -EACCES;
    if ((group as i32) !== -1 && group !== key.group && !inGroup(group)) return -EACCES;
  }
  if ((user as i32) !== -1 && user !== key.owner) {
    const next = userOf(keys, user);
    if (next === null) return -ENOMEM;
    if (!hasQuota(keys, next, 1, key.charged)) return -EDQUOT;
    key.user.keys--;
    key.user.bytes -= key.charged;
    next.keys++;
    next.bytes += key.charged;
    key.user = next;
    key.owner = user;
  }
  if ((group as i32) !== -1) key.group = group;
  return 0;
}

/** KEYCTL_SETPERM. */
function setRights(thread: Thread, keys: KeyStore, id: i32, rights: u32): i64 {
  if ((rights & ~RIGHTS) !== 0) return -EINVAL;
  const error = lookUp(thread, keys, id, true, true, SETATTR);
  if (error !== 0) return error;
  if (lookedUp.owner !== actor.fileUser && !capable(CAP_SYS_ADMIN)) return -EACCES;
  lookedUp.rights = rights;
  return 0;
}

function signed(target: usize, value: i32): u32 {
  if (value >= 0) return decimal(target, value as u64);
  store<u8>(target, 45);
  return 1 + decimal(target + 1, -(value as i64) as u64);
}

function semicolon(at: u32): u32 {
  store<u8>(text + at, 59);
  return at + 1;
}

/** KEYCTL_DESCRIBE: type, owner, group, rights and description. */
function describe(thread: Thread, keys: KeyStore, id: i32, address: u64, room: u64): i64 {
  const error = lookUp(thread, keys, id, false, true, VIEW);
  if (error !== 0) return error;
  const key = lookedUp;
  let at: u32 = 0;
  if (key.type === TYPE_KEYRING) at = copyLiteral(text, "keyring");
  else at = copyLiteral(text, key.type === TYPE_USER ? "user" : "logon");
  at = semicolon(at);
  at = semicolon(at + signed(text + at, key.owner as i32));
  // None is told as somebody else's.
  const group = (key.group as i32) === -1 ? OVERFLOW_GROUP : (key.group as i32);
  at = semicolon(at + signed(text + at, group));
  at = semicolon(at + hexadecimal(text + at, key.rights as u64, 8));
  memory.copy(text + at, key.description, key.descriptionLength);
  at += key.descriptionLength;
  memory.fill(text + at, 0, 1);
  at++;
  if (address === 0 || room < (at as u64)) return at as i64;
  return copyTo(thread.program.space, address, text, at) ? (at as i64) : -EFAULT;
}

/** KEYCTL_CLEAR. */
function clear(thread: Thread, keys: KeyStore, id: i32): i64 {
  const error = lookUp(thread, keys, id, true, false, WRITE);
  if (error !== 0) return error;
  if (lookedUp.type !== TYPE_KEYRING) return -ENOTDIR;
  clearRing(lookedUp);
  return 0;
}

/** KEYCTL_LINK. */
function linkTo(thread: Thread, keys: KeyStore, id: i32, ringId: i32): i64 {
  let error = lookUp(thread, keys, ringId, true, false, WRITE);
  if (error !== 0) return error;
  const ring = lookedUp;
  error = lookUp(thread, keys, id, true, false, LINK);
  return error === 0 ? link(ring, lookedUp) : error;
}

/** KEYCTL_UNLINK. */
function unlinkFrom(thread: Thread, keys: KeyStore, id: i32, ringId: i32): i64 {
  let error = lookUp(thread, keys, ringId, false, false, WRITE);
  if (error !== 0) return error;
  const ring = lookedUp;
  error = lookUp(thread, keys, id, false, true, 0);
  if (error !== 0) return error;
  if (ring.type !== TYPE_KEYRING) return -ENOTDIR;
  return unlinkKey(ring, lookedUp) ? 0 : -ENOENT;
}

/** KEYCTL_MOVE. */
function move(thread: Thread, keys: KeyStore, regs: Utcb): i64 {
  const flags = regs.r8 as u32;
  if ((flags & ~MOVE_EXCLUSIVE) !== 0) return -EINVAL;
  let error = lookUp(thread, keys, regs.rsi as i32, true, false, LINK);
  if (error !== 0) return error;
  const key = lookedUp;
  error = lookUp(thread, keys, regs.rdx as i32, false, false, WRITE);
  if (error !== 0) return error;
  const from = lookedUp;
  error = lookUp(thread, keys, regs.r10 as i32, true, false, WRITE);
  if (error !== 0) return error;
  const to = lookedUp;
  if (from === to) return 0;
  if (from.type !== TYPE_KEYRING || to.type !== TYPE_KEYRING) return -ENOTDIR;
  const here = memberNamed(from, key.type, key.description, key.descriptionLength);
  if (here !== key) return -ENOENT;
  const there = memberNamed(to, key.type, key.description, key.descriptionLength);
  if (there !== null && (flags & MOVE_EXCLUSIVE) !== 0) return -EEXIST;
  error = link(to, key);
  if (error === 0) unlinkKey(from, key);
  return error;
}

/** KEYCTL_SEARCH. */
function find(thread: Thread, keys: KeyStore, regs: Utcb): i64 {
  const program = thread.program;
  const type = typeAt(program, regs.rdx);
  if (type < 0) return type;
  let error = readDescription(program, regs.r10);
  if (error !== 0) return error;
  error = lookUp(thread, keys, regs.rsi as i32, false, false, SEARCH);
  if (error !== 0) return error;
  const ring = lookedUp;
  const possessed = isPossessed;
  let target: Key | null = null;
  if ((regs.r8 as i32) !== 0) {
    error = lookUp(thread, keys, regs.r8 as i32, true, false, WRITE);
    if (error !== 0) return error;
    target = lookedUp;
  }
  if (type === (TYPES as i64)) return -ENOKEY;
  if (ring.type !== TYPE_KEYRING) return -ENOTDIR;
  error = searchNamed(ring, possessed, type as u32, description, descriptionLength);
  if (error !== 0) return error === -EAGAIN ? -ENOKEY : error;
  const key = foundKey();
  if (target !== null) {
    if (!permitsKey(key, actor, possessed, LINK)) return -EACCES;
    error = link(target, key);
  }
  return error === 0 ? (key.order as i64) : error;
}

/** Writes the serial numbers of what is in `ring`: bytes of all, or -EFAULT. */
function readRing(program: Program, ring: Key, address: u64, room: u64): i64 {
  const bytes = (ring.count * 4) as u64;
  if (address === 0 || room < bytes) return bytes as i64;
  let at = address;
  let member: Member | null = ring.first;
  while (member !== null) {
    store<u32>(small, member.key.order as u32);
    if (!copyTo(program.space, at, small, 4)) return -EFAULT;
    at += 4;
    member = member.next;
  }
  return bytes as i64;
}

/** KEYCTL_READ. */
function read(thread: Thread, keys: KeyStore, id: i32, address: u64, room: u64): i64 {
  const error = lookUp(thread, keys, id, false, true, ANYTHING);
  if (error !== 0) return -ENOKEY;
  const key = lookedUp;
  const state = stateOf(key);
  if (state !== 0) return state;
  if (!permitsKey(key, actor, isPossessed, READ) && !isPossessed) return -EACCES;
  if (key.type === TYPE_LOGON) return -EOPNOTSUPP;
  const unusable = validKey(key);
  if (unusable !== 0) return unusable;
  if (key.type === TYPE_KEYRING) return readRing(thread.program, key, address, room);
  const bytes = key.payloadLength;
  if (address === 0 || room < (bytes as u64)) return bytes as i64;
  return copyTo(thread.program.space, address, key.payload, bytes) ? (bytes as i64) : -EFAULT;
}

/** KEYCTL_SET_REQKEY_KEYRING: where keys go that are asked for; returns what it was. */
function setRequestRing(thread: Thread, keys: KeyStore, wanted: i32): i64 {
  const own = linuxThread(thread);
  const before = own.requestKeys as i64;
  if (wanted === NO_CHANGE) return before;
  if (wanted < 0 || wanted > (REQUEST_LAST as i32)) return -EINVAL;
  let error: i64 = 0;
  if (wanted === (REQUEST_THREAD as i32)) error = makeThreadRing(thread, keys);
  if (wanted === (REQUEST_PROCESS as i32)) error = makeProcessRing(thread, keys);
  if (error !== 0) return error;
  own.requestKeys = wanted as u32;
  return before;
}

/** KEYCTL_SET_TIMEOUT. */
function setTimeout(thread: Thread, keys: KeyStore, id: i32, seconds: u32): i64 {
  const error = lookUp(thread, keys, id, true, true, SETATTR);
  if (error === 0) lookedUp.expiry = seconds === 0 ? 0 : secondsNow() + (seconds as i64);
  return error;
}

/** KEYCTL_GET_SECURITY: there is nobody who would say anything. */
function security(thread: Thread, keys: KeyStore, id: i32, address: u64, room: u64): i64 {
  const error = lookUp(thread, keys, id, false, true, VIEW);
  if (error !== 0) return error;
  store8(0);
  if (address !== 0 && room !== 0 && !copyTo(thread.program.space, address, small, 1)) {
    return -EFAULT;
  }
  return 1;
}

function store8(value: u8): void {
  store<u8>(small, value);
  store<u8>(small + 1, 0);
}

/** KEYCTL_INVALIDATE: it is in no keyring any more. */
function invalidate(thread: Thread, keys: KeyStore, id: i32): i64 {
  const error = lookUp(thread, keys, id, false, false, SEARCH);
  if (error === 0) invalidateKey(lookedUp);
  return error;
}

/** KEYCTL_CAPABILITIES. */
function capabilities(program: Program, address: u64, room: u64): i64 {
  store8(CAPABILITIES);
  const bytes = min<u64>(room, CAPABILITY_BYTES as u64) as u32;
  if (bytes !== 0 && !copyTo(program.space, address, small, bytes)) return -EFAULT;
  memory.fill(text, 0, 4096);
  let at: u64 = bytes as u64;
  while (at < room) {
    const piece = min<u64>(room - at, 4096) as u32;
    if (!copyTo(program.space, address + at, text, piece)) return -EFAULT;
    at += piece as u64;
  }
  return CAPABILITY_BYTES as i64;
}

/** keyctl(operation, …). */
export function sysKeyctl(thread: Thread, regs: Utcb): i64 {
  const keys = storeOf(thread.program);
  if (keys === null) return -ENOMEM;
  const id = regs.rsi as i32;
  switch (regs.rdi as u32) {
    case KEYCTL_GET_KEYRING_ID: {
      const error = lookUp(thread, keys, id, (regs.rdx as u32) !== 0, false, SEARCH);
      return error === 0 ? (lookedUp.order as i64) : error;
    }
    case KEYCTL_JOIN_SESSION_KEYRING:
      return joinSession(thread, keys, regs.rsi);
    case KEYCTL_UPDATE:
      return update(thread, keys, id, regs.rdx, regs.r10);
    case KEYCTL_REVOKE:
      return revoke(thread, keys, id);
    case KEYCTL_CHOWN:
      return chown(thread, keys, id, regs.rdx as u32, regs.r10 as u32);
    case KEYCTL_SETPERM:
      return setRights(thread, keys, id, regs.rdx as u32);
    case KEYCTL_DESCRIBE:
      return describe(thread, keys, id, regs.rdx, regs.r10 as u32 as u64);
    case KEYCTL_CLEAR:
      return clear(thread, keys, id);
    case KEYCTL_LINK:
      return linkTo(thread, keys, id, regs.rdx as i32);
    case KEYCTL_UNLINK:
      return unlinkFrom(thread, keys, id, regs.rdx as i32);
    case KEYCTL_SEARCH:
      return find(thread, keys, regs);
    case KEYCTL_READ:
      return read(thread, keys, id, regs.rdx, regs.r10);
    case KEYCTL_INSTANTIATE:
    case KEYCTL_NEGATE:
    case KEYCTL_REJECT:
    case KEYCTL_INSTANTIATE_IOV:
      return -EPERM;
    case KEYCTL_SET_REQKEY_KEYRING:
      return setRequestRing(thread, keys, id);
    case KEYCTL_SET_TIMEOUT:
      return setTimeout(thread, keys, id, regs.rdx as u32);
    case KEYCTL_ASSUME_AUTHORITY:
      return id < 0 ? -EINVAL : id === 0 ? 0 : -ENOKEY;
    case KEYCTL_GET_SECURITY:
      return security(thread, keys, id, regs.rdx, regs.r10);
    case KEYCTL_INVALIDATE:
      return invalidate(thread, keys, id);
    case KEYCTL_MOVE:
      return move(thread, keys, regs);
    case KEYCTL_CAPABILITIES:
      return capabilities(thread.program, regs.rsi, regs.rdx);
    default:
      return -EOPNOTSUPP;
  }
}
