// The keyrings of threads, processes, sessions and users, which programs name by numbers below 0, and keys by serial number,
// with the rights that are needed (security/keys/process_keys.c of Linux 6.1).

import { decimal } from "../../../tools/screen/guest/digits";
import { actor } from "../../libroottask/credentials";
import { EACCES, EAGAIN, EINVAL, ENOKEY, ENOMEM } from "../../libroottask/errno";
import { Program, Thread } from "../../libroottask/program";
import { copyLiteral } from "../../libroottask/text";
import { linuxProgram, linuxThread } from "../state";
import {
  ALL,
  dropKey,
  Key,
  KeyStore,
  KeyUser,
  keepKey,
  keyError,
  keyWith,
  linkKey,
  newKey,
  POSSESSOR,
  permitsKey,
  READ,
  SETATTR,
  stateOf,
  storeOf,
  TYPE_KEYRING,
  USER,
  userOf,
  VIEW,
  validKey,
} from "./records";
import { foundKey, leadsTo, searchNamed } from "./search";

/** KEY_SPEC_…: keyrings by numbers. */
export const THREAD_RING: i32 = -1;
export const PROCESS_RING: i32 = -2;
export const SESSION_RING: i32 = -3;
export const USER_RING: i32 = -4;
export const USER_SESSION_RING: i32 = -5;
// Group keyrings (-6) are refused, as on Linux.
const AUTHORITY: i32 = -7;
const REQUESTOR_RING: i32 = -8;

const OWN_RIGHTS: u32 = (ALL << POSSESSOR) | (VIEW << USER);
const SESSION_RIGHTS: u32 = OWN_RIGHTS | (READ << USER);
const USER_RIGHTS: u32 = ((ALL & ~SETATTR) << POSSESSOR) | (ALL << USER);

const name = memory.data(32);

/** The caller looks at rights and state by itself. */
export const ANYTHING: u32 = 1 << 31;

/** What `lookUp` has found, and whether the caller possesses it. */
export let lookedUp: Key = changetype<Key>(0);
export let isPossessed: bool = false;

/** A keyring with `length` bytes of `name`, whose only user is the caller; null with keyError. */
function newRing(store: KeyStore, length: u32, owner: u32, group: u32, rights: u32): Key | null {
  return newKey(store, TYPE_KEYRING, name, length, owner, group, rights, false, 0);
}

function ringOf(thread: Thread): Key | null {
  return changetype<Key | null>(linuxThread(thread).threadKeys);
}

function processRing(thread: Thread): Key | null {
  return changetype<Key | null>(linuxProgram(thread.program).processKeys);
}

function sessionRing(thread: Thread): Key | null {
  return changetype<Key | null>(linuxThread(thread).sessionKeys);
}

/** Makes the keyring of `thread`, where it has none: 0 or -ENOMEM. */
export function makeThreadRing(thread: Thread, store: KeyStore): i64 {
  if (ringOf(thread) !== null) return 0;
  const length = copyLiteral(name, "_tid");
  const ring = newRing(store, length, actor.fileUser, actor.fileGroup, OWN_RIGHTS);
  linuxThread(thread).threadKeys = changetype<usize>(ring);
  return ring === null ? keyError : 0;
}

/** The same for its program. */
export function makeProcessRing(thread: Thread, store: KeyStore): i64 {
  if (processRing(thread) !== null) return 0;
  const length = copyLiteral(name, "_pid");
  const ring = newRing(store, length, actor.fileUser, actor.fileGroup, OWN_RIGHTS);
  linuxProgram(thread.program).processKeys = changetype<usize>(ring);
  return ring === null ? keyError : 0;
}

function namedRing(store: KeyStore, prefix: string, owner: u32): Key | null {
  let length = copyLiteral(name, prefix);
  length += decimal(name + length, owner as u64);
  const ring = newRing(store, length, owner, 0xffff_ffff, USER_RIGHTS);
  if (ring !== null) ring.ofUser = 1;
  return ring;
}

/** The record of the user of the call, with both keyrings; null when memory is out. */
function userWithRings(store: KeyStore): KeyUser | null {
  const user = userOf(store, actor.user);
  if (user === null) return null;
  if (user.ring === null) user.ring = namedRing(store, "_uid.", user.id);
  const ring = user.ring;
  if (ring === null) return null;
  if (user.sessionRing === null) {
    const session = namedRing(store, "_uid_ses.", user.id);
    if (session === null) return null;
    user.sessionRing = session;
    if (linkKey(session, ring) !== 0) return null;
  }
  return user;
}

/** The session of `thread` is `ring` from now on, of which the caller has been a user, or none. */
export function setSession(thread: Thread, ring: Key | null): void {
  const own = linuxThread(thread);
  const before = sessionRing(thread);
  own.sessionKeys = changetype<usize>(ring);
  if (before !== null) dropKey(before);
}

/** Gives `thread` a session without a name: 0 or -ENOMEM. */
export function newSession(thread: Thread, store: KeyStore): i64 {
  const length = copyLiteral(name, "_ses");
  const ring = newRing(store, length, actor.user, actor.group, SESSION_RIGHTS);
  if (ring === null) return keyError;
  setSession(thread, ring);
  return 0;
}

/** `thread` has a session, one of its own where one is to be made and that of its user was all. */
function ensureSession(thread: Thread, store: KeyStore, creating: bool): i64 {
  const ring = sessionRing(thread);
  if (ring !== null && !(creating && ring.ofUser !== 0)) return 0;
  const user = userWithRings(store);
  if (user === null) return -ENOMEM;
  if (creating) return newSession(thread, store);
  setSession(thread, keepKey(user.sessionRing as Key));
  return 0;
}

/** Keyrings that a search begins in: 0 thread, 1 process, 2 session, or that of the user where there is none. */
const RINGS: u32 = 3;

function startRing(thread: Thread, index: u32): Key | null {
  if (index === 0) return ringOf(thread);
  if (index === 1) return processRing(thread);
  const session = sessionRing(thread);
  if (session !== null) return session;
  const store = storeOf(thread.program);
  if (store === null) return null;
  const user = userOf(store, actor.user);
  if (user === null) return null;
  return user.sessionRing;
}

/** Looks for a key of that type and name in all keyrings of `thread`: 0, or a negative error (search_cred_keyrings_rcu()). */
export function searchOwn(thread: Thread, type: u32, text: usize, length: u32): i64 {
  let kept: i64 = 0;
  let other: i64 = -EAGAIN;
  for (let index: u32 = 0; index < RINGS; index++) {
    const ring = startRing(thread, index);
    if (ring === null) continue;
    const result = searchNamed(ring, true, type, text, length);
    if (result === 0) return 0;
    if (result === -ENOKEY) kept = result;
    else if (result !== -EAGAIN) other = result;
    else if (kept === 0) kept = result;
  }
  return kept !== 0 ? kept : other;
}

/** `thread` possesses `key`: one of its keyrings leads to it. */
function possesses(thread: Thread, key: Key): bool {
  for (let index: u32 = 0; index < RINGS; index++) {
    const ring = startRing(thread, index);
    if (ring !== null && leadsTo(ring, key)) return foundKey() === key;
  }
  return false;
}

/** The keyring that `id`, below 0, is for `thread`, in `lookedUp`: 0 or a negative error. */
function special(thread: Thread, store: KeyStore, id: i32, creating: bool): i64 {
  let error: i64 = 0;
  let ring: Key | null = null;
  switch (id) {
    case THREAD_RING:
      if (creating) error = makeThreadRing(thread, store);
      ring = ringOf(thread);
      break;
    case PROCESS_RING:
      if (creating) error = makeProcessRing(thread, store);
      ring = processRing(thread);
      break;
    case SESSION_RING:
      error = ensureSession(thread, store, creating);
      ring = sessionRing(thread);
      break;
    case USER_RING:
    case USER_SESSION_RING: {
      const user = userWithRings(store);
      if (user === null) return -ENOMEM;
      ring = id === USER_RING ? user.ring : user.sessionRing;
      break;
    }
    case AUTHORITY:
    case REQUESTOR_RING:
      return -ENOKEY;
    default:
      return -EINVAL;
  }
  if (error !== 0) return error;
  if (ring === null) return -ENOKEY;
  lookedUp = ring;
  isPossessed = true;
  return 0;
}

/**
 * Finds what `id` means for `thread`, in `lookedUp`, which has to hold something unless it may be `any`, and to let `wanted` be
 * done, or ANYTHING.
 * Keyrings of thread, process and session are made where they are missing and `creating`. 0 or a negative error.
 */
export function lookUp(
  thread: Thread,
  store: KeyStore,
  id: i32,
  creating: bool,
  any: bool,
  wanted: u32,
): i64 {
  if (id < 0) {
    const error = special(thread, store, id, creating);
    if (error !== 0) return error;
  } else {
    if (id === 0) return -EINVAL;
    const key = keyWith(store, id as u32);
    if (key === null) return -ENOKEY;
    lookedUp = key;
    isPossessed = possesses(thread, key);
  }
  if (wanted === ANYTHING) return 0;
  const state = any ? 0 : stateOf(lookedUp);
  if (state !== 0) return state;
  const valid = validKey(lookedUp);
  if (valid !== 0) return valid;
  return permitsKey(lookedUp, actor, isPossessed, wanted) ? 0 : -EACCES;
}

/** KEY_REQKEY_DEFL_…: where keys go that are asked for. */
export const DEFAULT_RING: u32 = 0;
const DEFAULT_THREAD: u32 = 1;
const DEFAULT_PROCESS: u32 = 2;
const DEFAULT_SESSION: u32 = 3;
const DEFAULT_USER_SESSION: u32 = 5;
const DEFAULT_USER: u32 = 4;

/** The keyring of `thread` that takes keys which are asked for; null when memory is out (construct_get_dest_keyring()). */
export function requestRing(thread: Thread, store: KeyStore): Key | null {
  const wanted = linuxThread(thread).requestKeys;
  const user = userWithRings(store);
  if (user === null) return null;
  if (wanted === DEFAULT_USER) return user.ring;
  if (wanted === DEFAULT_USER_SESSION) return user.sessionRing;
  let ring: Key | null = null;
  if (wanted <= DEFAULT_THREAD) ring = ringOf(thread);
  if (ring === null && wanted <= DEFAULT_PROCESS) ring = processRing(thread);
  if (ring === null && wanted <= DEFAULT_SESSION) ring = sessionRing(thread);
  return ring === null ? user.sessionRing : ring;
}

/** `thread`, which has been made with the personality of another, has the same session. */
export function inheritKeys(thread: Thread): void {
  const session = sessionRing(thread);
  if (session !== null) keepKey(session);
}

/** `thread` ends. */
export function leaveKeys(thread: Thread): void {
  const own = linuxThread(thread);
  const ring = ringOf(thread);
  own.threadKeys = 0;
  if (ring !== null) dropKey(ring);
  setSession(thread, null);
}

/** `program` has no thread any more, or executes another file. */
export function leaveProcessKeys(program: Program): void {
  const own = linuxProgram(program);
  const ring = changetype<Key | null>(own.processKeys);
  own.processKeys = 0;
  if (ring !== null) dropKey(ring);
}

/** `thread` executes another file: only its session stays. */
export function executeKeys(thread: Thread): void {
  const own = linuxThread(thread);
  const ring = ringOf(thread);
  own.threadKeys = 0;
  if (ring !== null) dropKey(ring);
  leaveProcessKeys(thread.program);
}
