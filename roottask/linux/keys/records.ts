// Keys and keyrings (keyrings(7)): the records, who owns how many of them, and how they come and go. All keys belong to a line
// of the start file, as System V's objects do, and end with it.

import { nextIn } from "../../libroottask/balanced_tree";
import { Credentials } from "../../libroottask/credentials";
import { EDQUOT, EINVAL, EKEYEXPIRED, EKEYREVOKED, ENOKEY, ENOMEM } from "../../libroottask/errno";
import { allocate, create, destroy, release } from "../../libroottask/heap";
import { enterTree, firstKeyed, Keyed, leaveTree, withOrder } from "../../libroottask/keyed_tree";
import { totalPages } from "../../libroottask/pages";
import { Program } from "../../libroottask/program";
import { secondsNow } from "../ipc/objects";

/** Kinds of keys; TYPES is none. */
export const TYPE_USER: u32 = 0;
export const TYPE_LOGON: u32 = 1;
export const TYPE_KEYRING: u32 = 2;
export const TYPES: u32 = 3;

/** Rights in one byte of a mask, and the shift of each class's: include/linux/key.h. */
export const VIEW: u32 = 1;
export const READ: u32 = 2;
export const WRITE: u32 = 4;
export const SEARCH: u32 = 8;
export const LINK: u32 = 16;
export const SETATTR: u32 = 32;
export const ALL: u32 = 63;
export const POSSESSOR: u32 = 24;
export const USER: u32 = 16;
export const GROUP: u32 = 8;

/** Bytes that the description of a key may have with its NUL. */
export const DESCRIPTION_MAX: u32 = 4096;
/** Keys and bytes that a user may have, and root, by default. */
const KEYS_MAX: u32 = 200;
const BYTES_MAX: u32 = 20000;
const ROOT_KEYS_MAX: u32 = 1_000_000;
const ROOT_BYTES_MAX: u32 = 25_000_000;
/** What a record takes beside its texts, and share of RAM that all keys of a line may have, as a divisor. */
const RECORD_BYTES: u64 = 256;
const SHARE: u64 = 32;
const PAGE: u64 = 4096;

/** A key in a keyring. */
@unmanaged
export class Member {
  key: Key;
  next: Member | null;
}

@unmanaged
export class Key extends Keyed {
  /** Keyrings that it is in, threads and programs that have it as theirs, and calls that work with it. */
  users: u32;
  type: u32;
  owner: u32;
  group: u32;
  rights: u32;
  revoked: u32;
  invalid: u32;
  /** It is a user's own keyring, which nobody else's name leads to. */
  ofUser: u32;
  /** What is said in place of what it holds, 0 where it holds something. */
  rejected: u32;
  /** When it is over, seconds since 1970, 0 for never. */
  expiry: i64;
  description: usize;
  descriptionLength: u32;
  payload: usize;
  payloadLength: u32;
  /** Bytes that its owner is charged with. */
  charged: u32;
  store: KeyStore;
  user: KeyUser;
  /** The keys of a keyring, the oldest first, and how many. */
  first: Member | null;
  count: u32;
  /** The last search that has come here. */
  visited: u64;
  /** The next of those that go with it. */
  nextGone: Key | null;
}

/** Whom keys belong to. */
@unmanaged
export class KeyUser {
  id: u32;
  keys: u32;
  bytes: u32;
  /** Keyrings of the user and of its sessions, null before somebody asks. */
  ring: Key | null;
  sessionRing: Key | null;
  next: KeyUser | null;
}

/** The keys of a line of the start file. */
@unmanaged
export class KeyStore {
  /** The tree of keys by serial number. */
  keys: usize;
  users: KeyUser | null;
  lastSerial: u32;
  /** What all take about. */
  bytes: u64;
  /** Limits: /proc/sys/kernel/keys. */
  maxKeys: u32;
  maxBytes: u32;
  rootMaxKeys: u32;
  rootMaxBytes: u32;
}

/** The keys of the line that `program` is of; null when memory is out. */
export function storeOf(program: Program): KeyStore | null {
  const entry = program.entry;
  if (entry.keys !== 0) return changetype<KeyStore>(entry.keys);
  const store = create<KeyStore>();
  if (store === null) return null;
  store.lastSerial = 0x1000_0000;
  store.maxKeys = KEYS_MAX;
  store.maxBytes = BYTES_MAX;
  store.rootMaxKeys = ROOT_KEYS_MAX;
  store.rootMaxBytes = ROOT_BYTES_MAX;
  entry.keys = changetype<usize>(store);
  return store;
}

function treeOf(store: KeyStore): usize {
  return changetype<usize>(store) + offsetof<KeyStore>("keys");
}

/** The key with that serial number, or null. */
export function keyWith(store: KeyStore, serial: u32): Key | null {
  return changetype<Key | null>(withOrder(treeOf(store), serial as u64));
}

function firstKey(store: KeyStore): Key | null {
  return changetype<Key | null>(firstKeyed(treeOf(store)));
}

function nextKey(key: Key): Key | null {
  return changetype<Key | null>(nextIn(key));
}

/** The record of user `id`; null when memory is out. */
export function userOf(store: KeyStore, id: u32): KeyUser | null {
  let user = store.users;
  while (user !== null && user.id !== id) user = user.next;
  if (user !== null) return user;
  const made = create<KeyUser>();
  if (made === null) return null;
  made.id = id;
  made.next = store.users;
  store.users = made;
  return made;
}

/** `user` may have `keys` and `bytes` more. */
export function hasQuota(store: KeyStore, user: KeyUser, keys: u32, bytes: u32): bool {
  const most = user.id === 0 ? store.rootMaxKeys : store.maxKeys;
  const mostBytes = user.id === 0 ? store.rootMaxBytes : store.maxBytes;
  if (user.keys + keys > most || user.bytes + bytes > mostBytes) return false;
  const all = store.bytes + (bytes as u64) + (keys as u64) * RECORD_BYTES;
  return all <= ((totalPages() as u64) * PAGE) / SHARE;
}

/** The key has `bytes` more that its owner is charged with, which may be less than 0. */
export function charge(key: Key, bytes: i32): void {
  key.charged += bytes;
  key.user.bytes += bytes;
  key.store.bytes += bytes as i64 as u64;
}

/** The result of `newKey` where it is null. */
export let keyError: i64 = 0;

/**
 * A key of `owner` with one user, the caller, and the `length` bytes at `description`; null with `keyError` where there is no
 * room. It holds nothing yet. With `counted` 0 quotas say nothing about it.
 */
export function newKey(
  store: KeyStore,
  type: u32,
  description: usize,
  length: u32,
  owner: u32,
  group: u32,
  rights: u32,
  counted: bool,
  bytes: u32,
): Key | null {
  const user = userOf(store, owner);
  keyError = -ENOMEM;
  if (user === null) return null;
  keyError = -EDQUOT;
  if (counted && !hasQuota(store, user, 1, length + 1 + bytes)) return null;
  keyError = -ENOMEM;
  const key = create<Key>();
  if (key === null) return null;
  key.description = allocate(length + 1);
  if (key.description === 0) {
    destroy<Key>(key);
    return null;
  }
  memory.copy(key.description, description, length);
  key.descriptionLength = length;
  key.users = 1;
  key.type = type;
  key.owner = owner;
  key.group = group;
  key.rights = rights;
  key.store = store;
  key.user = user;
  store.lastSerial = (store.lastSerial + 1) & 0x7fff_ffff;
  while (store.lastSerial < 3 || keyWith(store, store.lastSerial) !== null) {
    store.lastSerial = (store.lastSerial + 1) & 0x7fff_ffff;
  }
  key.order = store.lastSerial as u64;
  enterTree(treeOf(store), key);
  user.keys++;
  store.bytes += RECORD_BYTES;
  charge(key, (length + 1) as i32);
  return key;
}

/** Gives `key` the `length` bytes at `payload`, which are its own from now on. */
export function setPayload(key: Key, payload: usize, length: u32): void {
  charge(key, (length as i32) - (key.payloadLength as i32));
  if (key.payload !== 0) release(key.payload, key.payloadLength);
  key.payload = payload;
  key.payloadLength = length;
  key.rejected = 0;
}

function freeKey(key: Key): void {
  leaveTree(treeOf(key.store), key);
  key.user.keys--;
  key.store.bytes -= RECORD_BYTES;
  charge(key, 0 - (key.charged as i32));
  if (key.payload !== 0) release(key.payload, key.payloadLength);
  release(key.description, key.descriptionLength + 1);
  destroy<Key>(key);
}

export function keepKey(key: Key): Key {
  key.users++;
  return key;
}

/** Bytes of a member that a keyring's owner is charged with. */
const MEMBER_CHARGE: i32 = 4;

/** Takes the first key out of `ring`; it has one user the less then. */
function takeFirst(ring: Key): Key {
  const member = ring.first as Member;
  const key = member.key;
  ring.first = member.next;
  ring.count--;
  charge(ring, -MEMBER_CHARGE);
  destroy<Member>(member);
  key.users--;
  return key;
}

/** A user of `key` is gone: what nobody has any more goes, and what was in it. */
export function dropKey(key: Key): void {
  if (--key.users !== 0) return;
  key.nextGone = null;
  let gone: Key | null = key;
  while (gone !== null) {
    const ring: Key = gone;
    if (ring.first === null) {
      gone = ring.nextGone;
      freeKey(ring);
      continue;
    }
    const member = takeFirst(ring);
    if (member.users !== 0) continue;
    member.nextGone = gone;
    gone = member;
  }
}

/** Takes all keys out of `ring`. */
export function clearRing(ring: Key): void {
  while (ring.first !== null) {
    const key = takeFirst(ring);
    key.users++;
    dropKey(key);
  }
}

/** Takes `key` out of `ring`: false where it is not there. */
export function unlinkKey(ring: Key, key: Key): bool {
  let before: Member | null = null;
  let member = ring.first;
  while (member !== null && member.key !== key) {
    before = member;
    member = member.next;
  }
  if (member === null) return false;
  if (before === null) ring.first = member.next;
  else before.next = member.next;
  ring.count--;
  charge(ring, -MEMBER_CHARGE);
  destroy<Member>(member);
  dropKey(key);
  return true;
}

/** `key` has that type and description. */
export function isNamed(key: Key, type: u32, name: usize, length: u32): bool {
  if (key.type !== type || key.descriptionLength !== length) return false;
  return memory.compare(key.description, name, length) === 0;
}

/** The key of `ring` with that type and description, or null. */
export function memberNamed(ring: Key, type: u32, name: usize, length: u32): Key | null {
  let member: Member | null = ring.first;
  while (member !== null) {
    const key = member.key;
    if (isNamed(key, type, name, length) && key.invalid === 0) return key;
    member = member.next;
  }
  return null;
}

/** Puts `key` into `ring`, in place of the one of its name: 0 or a negative error. */
export function linkKey(ring: Key, key: Key): i64 {
  if (ring.revoked !== 0) return -EKEYREVOKED;
  if (ring.invalid !== 0) return -ENOKEY;
  const other = memberNamed(ring, key.type, key.description, key.descriptionLength);
  if (other === key) return 0;
  if (other === null && !hasQuota(ring.store, ring.user, 0, MEMBER_CHARGE as u32)) return -EDQUOT;
  const member = create<Member>();
  if (member === null) return -ENOMEM;
  member.key = keepKey(key);
  if (other !== null) unlinkKey(ring, other);
  charge(ring, MEMBER_CHARGE);
  ring.count++;
  let last = ring.first;
  while (last !== null && last.next !== null) last = last.next;
  if (last === null) ring.first = member;
  else last.next = member;
  return 0;
}

/** `key` is to be used: 0, or why not (key_validate()). */
export function validKey(key: Key): i64 {
  if (key.invalid !== 0) return -ENOKEY;
  if (key.revoked !== 0) return -EKEYREVOKED;
  return key.expiry !== 0 && secondsNow() >= key.expiry ? -EKEYEXPIRED : 0;
}

/** What `key` says in place of what it holds, a negative error, or 0. */
export function stateOf(key: Key): i64 {
  return -(key.rejected as i64);
}

/** `key` is of no use from now on: what it holds goes at once. */
export function revokeKey(key: Key): void {
  key.revoked = 1;
  clearRing(key);
  setPayload(key, 0, 0);
}

/** `key` is in no keyring any more, whoever has it. */
export function invalidateKey(key: Key): void {
  key.invalid = 1;
  keepKey(key);
  let ring: Key | null = firstKey(key.store);
  while (ring !== null) {
    if (ring.type === TYPE_KEYRING) unlinkKey(ring, key);
    ring = nextKey(ring);
  }
  dropKey(key);
}

/** The first keyring of that name which lets who has `credentials` search it, or null (find_keyring_by_name()). */
export function ringNamed(
  store: KeyStore,
  name: usize,
  length: u32,
  credentials: Credentials,
): Key | null {
  let key: Key | null = firstKey(store);
  while (key !== null) {
    const meant = key.revoked === 0 && isNamed(key, TYPE_KEYRING, name, length);
    if (meant && permitsKey(key, credentials, false, SEARCH)) return key;
    key = nextKey(key);
  }
  return null;
}

/** Whose group `credentials` are of is `group`. */
function isIn(credentials: Credentials, group: u32): bool {
  if (credentials.fileGroup === group) return true;
  for (let i: u32 = 0; i < credentials.groupCount; i++) {
    if (load<u32>(credentials.groups + i * 4) === group) return true;
  }
  return false;
}

/** Whether who has `credentials` may do `wanted` with `key`, which it possesses or not (key_task_permission()). */
export function permitsKey(key: Key, credentials: Credentials, possessed: bool, wanted: u32): bool {
  let granted = key.rights;
  if (key.owner === credentials.fileUser) granted >>= USER;
  else if ((granted & (ALL << GROUP)) !== 0 && isIn(credentials, key.group)) granted >>= GROUP;
  if (possessed) granted |= key.rights >> POSSESSOR;
  return (wanted & ~(granted & ALL)) === 0;
}

/** The length of a payload is one that `type` takes: 0 or -EINVAL. */
export function checkPayload(type: u32, length: u64): i64 {
  if (type === TYPE_KEYRING) return length === 0 ? 0 : -EINVAL;
  return length === 0 || length > 32767 ? -EINVAL : 0;
}

/** The record of `program` is about to go: with that of a line's first process all keys of its line. */
export function forgetKeys(program: Program): void {
  if (program.keys === 0) return;
  const store = changetype<KeyStore>(program.keys);
  program.keys = 0;
  let user: KeyUser | null = store.users;
  while (user !== null) {
    const ring = user.ring;
    const session = user.sessionRing;
    if (session !== null) dropKey(session);
    if (ring !== null) dropKey(ring);
    user = user.next;
  }
  // Nobody has what is left: it goes when nothing leads to it any more.
  let key: Key | null = firstKey(store);
  while (key !== null) {
    key.users++;
    key = nextKey(key);
  }
  key = firstKey(store);
  while (key !== null) {
    clearRing(key);
    key = nextKey(key);
  }
  key = firstKey(store);
  while (key !== null) {
    key.users = 1;
    dropKey(key);
    key = firstKey(store);
  }
  while (store.users !== null) {
    const user = store.users as KeyUser;
    store.users = user.next;
    destroy<KeyUser>(user);
  }
  destroy<KeyStore>(store);
}
