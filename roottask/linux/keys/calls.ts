// add_key(2), request_key(2), and what they have in common with keyctl(2): types, descriptions and payloads as programs pass
// them. There is nobody to be asked for a key that is not there (no /sbin/request-key is run): it is negative then.

import { Utcb } from "../../libhedron/utcb";
import { actor } from "../../libroottask/credentials";
import {
  EACCES,
  EAGAIN,
  EDQUOT,
  EFAULT,
  EINVAL,
  ENODEV,
  ENOENT,
  ENOKEY,
  ENOMEM,
  ENOTDIR,
  EPERM,
} from "../../libroottask/errno";
import { allocate, release } from "../../libroottask/heap";
import { Program, Thread } from "../../libroottask/program";
import { copyFrom, copyText } from "../../libroottask/space";
import { equalsLiteral } from "../../libroottask/text";
import { secondsNow } from "../ipc/objects";
import {
  ALL,
  checkPayload,
  DESCRIPTION_MAX,
  dropKey,
  hasQuota,
  Key,
  KeyStore,
  keyError,
  LINK,
  linkKey,
  memberNamed,
  newKey,
  POSSESSOR,
  permitsKey,
  READ,
  setPayload,
  storeOf,
  TYPE_KEYRING,
  TYPE_LOGON,
  TYPE_USER,
  TYPES,
  USER,
  VIEW,
  WRITE,
} from "./records";
import { isPossessed, lookedUp, lookUp, requestRing, searchOwn } from "./rings";
import { checkCycle, foundKey } from "./search";

/** Room for the name of a type, with its NUL; most bytes of a payload. */
const TYPE_MAX: u32 = 32;
const PAYLOAD_MAX: u64 = (1 << 20) - 1;
/** Rights of keys that nobody has said otherwise of. */
const USUAL_RIGHTS: u32 = (ALL << POSSESSOR) | (VIEW << USER);
/** How long it is remembered that a key could not be had, seconds. */
const NEGATIVE_TIME: i64 = 60;

const typeName = memory.data(32);
/** The description of the call under way. */
export const description = memory.data(4096);
const callout = memory.data(4096);
/** Length of `description`, 0 where there is none. */
export let descriptionLength: u32 = 0;

/** The type that is named at `address`: TYPES where there is none of that name, or a negative error. */
export function typeAt(program: Program, address: u64): i64 {
  const length = copyText(program.space, typeName, address, TYPE_MAX);
  if (length === -1) return -EFAULT;
  if (length <= 0) return -EINVAL;
  if (load<u8>(typeName) === 46) return -EPERM;
  if (equalsLiteral(typeName, length, "user")) return TYPE_USER as i64;
  if (equalsLiteral(typeName, length, "logon")) return TYPE_LOGON as i64;
  return (equalsLiteral(typeName, length, "keyring") ? TYPE_KEYRING : TYPES) as i64;
}

/** Reads a description into `target`: its length, or a negative error (strndup_user()). */
export function readText(program: Program, target: usize, address: u64): i64 {
  const length = copyText(program.space, target, address, DESCRIPTION_MAX);
  if (length === -1) return -EFAULT;
  return length < 0 ? -EINVAL : (length as i64);
}

/** The same into `description`: 0 or a negative error. */
export function readDescription(program: Program, address: u64): i64 {
  const length = readText(program, description, address);
  descriptionLength = max<i64>(length, 0) as u32;
  return min<i64>(length, 0);
}

/** Bytes of a payload, 0 for none. */
let payload: usize = 0;

/** Reads `length` bytes of a payload: 0 or a negative error; `keepPayload` or `dropPayload` follows. */
export function readPayload(program: Program, address: u64, length: u32): i64 {
  payload = 0;
  if (length === 0) return 0;
  payload = allocate(length);
  if (payload === 0) return -ENOMEM;
  if (copyFrom(program.space, payload, address, length)) return 0;
  dropPayload(length);
  return -EFAULT;
}

export function dropPayload(length: u32): void {
  if (payload !== 0) release(payload, length);
  payload = 0;
}

/** `key` holds the payload from now on: 0 or -EDQUOT. */
export function keepPayload(key: Key, length: u32): i64 {
  const more = length > key.payloadLength ? length - key.payloadLength : 0;
  if (more !== 0 && !hasQuota(key.store, key.user, 0, more)) return -EDQUOT;
  setPayload(key, payload, length);
  payload = 0;
  return 0;
}

/** The description fits the type: 0 or -EINVAL (vet_description()). */
function checkDescription(type: u32): i64 {
  if (descriptionLength === 0) return -EINVAL;
  if (type !== TYPE_LOGON) return 0;
  for (let i: u32 = 1; i < descriptionLength; i++) {
    if (load<u8>(description + i) === 58) return load<u8>(description) === 58 ? -EINVAL : 0;
  }
  return -EINVAL;
}

function rightsOf(type: u32): u32 {
  return type === TYPE_LOGON ? USUAL_RIGHTS & ~(READ << POSSESSOR) : USUAL_RIGHTS;
}

/** A key of the caller's with `description` in `ring`: its serial number or a negative error. */
function create(store: KeyStore, ring: Key, type: u32, length: u32): i64 {
  const wrong = checkDescription(type);
  if (wrong !== 0) return wrong;
  const owner = actor.fileUser;
  const group = actor.fileGroup;
  const rights = rightsOf(type);
  const key = newKey(
    store,
    type,
    description,
    descriptionLength,
    owner,
    group,
    rights,
    true,
    length,
  );
  if (key === null) return keyError;
  let error: i64 = length === 0 ? 0 : keepPayload(key, length);
  if (error === 0) error = linkKey(ring, key);
  const serial = key.order as i64;
  dropKey(key);
  return error === 0 ? serial : error;
}

/** Puts a key with the payload into the ring that has been looked up, or into the key of its name there (key_create_or_update()). */
function createOrUpdate(store: KeyStore, type: u32, length: u32): i64 {
  const ring = lookedUp;
  if (type === TYPES) return -ENODEV;
  if (descriptionLength === 0) return -EINVAL;
  if (ring.type !== TYPE_KEYRING) return -ENOTDIR;
  const wrong = checkPayload(type, length as u64);
  if (wrong !== 0) return wrong;
  // A ring is never updated: another of its name takes its place.
  if (type === TYPE_KEYRING) return create(store, ring, type, length);
  const present = memberNamed(ring, type, description, descriptionLength);
  // Nor is a key that has been revoked (find_key_to_update()).
  if (present === null || present.revoked !== 0) return create(store, ring, type, length);
  if (!permitsKey(present, actor, isPossessed, WRITE)) return -EACCES;
  const error = keepPayload(present, length);
  return error === 0 ? (present.order as i64) : error;
}

/** add_key(type, description, payload, length, keyring). */
export function sysAddKey(thread: Thread, regs: Utcb): i64 {
  const program = thread.program;
  if (regs.r10 > PAYLOAD_MAX) return -EINVAL;
  const length = regs.r10 as u32;
  const type = typeAt(program, regs.rdi);
  if (type < 0) return type;
  descriptionLength = 0;
  if (regs.rsi !== 0) {
    const error = readDescription(program, regs.rsi);
    if (error !== 0) return error;
    if (load<u8>(description) === 46 && type === (TYPE_KEYRING as i64)) return -EPERM;
  }
  const store = storeOf(program);
  if (store === null) return -ENOMEM;
  const unread = readPayload(program, regs.rdx, length);
  if (unread !== 0) return unread;
  let result = lookUp(thread, store, regs.r8 as i32, true, false, WRITE);
  if (result === 0) result = createOrUpdate(store, type as u32, length);
  dropPayload(length);
  return result;
}

/** Links `key` to `ring` as who may: 0 or a negative error. */
export function link(ring: Key, key: Key): i64 {
  if (ring.type !== TYPE_KEYRING) return -ENOTDIR;
  const circular = checkCycle(key, ring);
  return circular !== 0 ? circular : linkKey(ring, key);
}

/** Nobody can make the key of `type` that is asked for: a negative one remembers that. */
function refuse(thread: Thread, store: KeyStore, type: u32, wanted: Key | null): i64 {
  if (type === TYPE_KEYRING) return -EPERM;
  const ring = wanted !== null ? wanted : requestRing(thread, store);
  if (ring === null) return -ENOMEM;
  if (wanted === null && !permitsKey(ring, actor, true, WRITE)) return -EACCES;
  const wrong = checkDescription(type);
  if (wrong !== 0) return wrong;
  const owner = actor.fileUser;
  const group = actor.fileGroup;
  const rights = rightsOf(type);
  const key = newKey(store, type, description, descriptionLength, owner, group, rights, true, 0);
  if (key === null) return keyError;
  key.rejected = ENOKEY as u32;
  key.expiry = secondsNow() + NEGATIVE_TIME;
  const error = linkKey(ring, key);
  dropKey(key);
  return error !== 0 ? error : -ENOENT;
}

/** request_key(type, description, callout, keyring). */
export function sysRequestKey(thread: Thread, regs: Utcb): i64 {
  const program = thread.program;
  const type = typeAt(program, regs.rdi);
  if (type < 0) return type;
  let error = readDescription(program, regs.rsi);
  if (error !== 0) return error;
  if (regs.rdx !== 0) error = min<i64>(readText(program, callout, regs.rdx), 0);
  if (error !== 0) return error;
  const store = storeOf(program);
  if (store === null) return -ENOMEM;
  let ring: Key | null = null;
  if ((regs.r10 as i32) !== 0) {
    error = lookUp(thread, store, regs.r10 as i32, true, false, WRITE);
    if (error !== 0) return error;
    ring = lookedUp;
  }
  if (type === (TYPES as i64)) return -ENOKEY;
  const result = searchOwn(thread, type as u32, description, descriptionLength);
  if (result === 0) {
    const key = foundKey();
    if (ring !== null) {
      if (!permitsKey(key, actor, true, LINK)) return -EACCES;
      error = link(ring, key);
    }
    return error === 0 ? (key.order as i64) : error;
  }
  if (result !== -EAGAIN) return result;
  return regs.rdx === 0 ? -ENOKEY : refuse(thread, store, type as u32, ring);
}
