// Looking for keys by type and description, in keyrings and those in them, as security/keys/keyring.c of Linux 6.1 does it: a
// keyring that is searched, and a key that is found, have to let themselves be.

import { actor } from "../../libroottask/credentials";
import { EACCES, EAGAIN, EDEADLK, EKEYEXPIRED, EKEYREVOKED, ELOOP } from "../../libroottask/errno";
import { secondsNow } from "../ipc/objects";
import { isNamed, Key, Member, permitsKey, SEARCH, stateOf, TYPE_KEYRING } from "./records";

/** Keyrings in each other that a search goes through (KEYRING_SEARCH_MAX_DEPTH). */
const DEPTH_MAX: u32 = 6;

let searches: u64 = 0;
/** What is looked for: a type and a name, or a key itself. */
let wantedType: u32 = 0;
let wantedName: usize = 0;
let wantedLength: u32 = 0;
let wantedKey: Key | null = null;
/** Why what was seen could not be had. */
let failure: i64 = 0;
let found: Key | null = null;

function isWanted(key: Key): bool {
  if (wantedKey !== null) return key === wantedKey;
  return isNamed(key, wantedType, wantedName, wantedLength);
}

/** `key` is what is looked for: true where it can be had. */
function take(key: Key, possessed: bool): bool {
  if (wantedKey === null) {
    if (key.invalid !== 0 || key.revoked !== 0) {
      failure = -EKEYREVOKED;
      return false;
    }
    if (key.expiry !== 0 && secondsNow() >= key.expiry) {
      failure = -EKEYEXPIRED;
      return false;
    }
  }
  if (!permitsKey(key, actor, possessed, SEARCH)) {
    failure = -EACCES;
    return false;
  }
  if (wantedKey === null && stateOf(key) < 0) {
    failure = stateOf(key);
    return false;
  }
  found = key;
  return true;
}

function searchIn(ring: Key, possessed: bool, depth: u32): bool {
  ring.visited = searches;
  if (ring.revoked !== 0 || ring.invalid !== 0) return false;
  let member: Member | null = ring.first;
  while (member !== null) {
    if (isWanted(member.key) && take(member.key, possessed)) return true;
    member = member.next;
  }
  if (depth === DEPTH_MAX) return false;
  member = ring.first;
  while (member !== null) {
    const key = member.key;
    const further = key.type === TYPE_KEYRING && key.visited !== searches;
    if (further && permitsKey(key, actor, possessed, SEARCH)) {
      if (searchIn(key, possessed, depth + 1)) return true;
    }
    member = member.next;
  }
  return false;
}

function search(ring: Key, possessed: bool): i64 {
  searches++;
  found = null;
  failure = -EAGAIN;
  if (!permitsKey(ring, actor, possessed, SEARCH)) return -EACCES;
  if (ring.type === TYPE_KEYRING && isWanted(ring) && take(ring, possessed)) return 0;
  return searchIn(ring, possessed, 0) ? 0 : failure;
}

/** The key that the last successful search has found. */
export function foundKey(): Key {
  return found as Key;
}

/** Looks in `ring` for a key of that type and name: 0, or -EAGAIN where there is none, or why it cannot be had. */
export function searchNamed(ring: Key, possessed: bool, type: u32, name: usize, length: u32): i64 {
  wantedKey = null;
  wantedType = type;
  wantedName = name;
  wantedLength = length;
  return search(ring, possessed);
}

/** `key` is in `ring`, which is possessed, or in one that is in it. */
export function leadsTo(ring: Key, key: Key): bool {
  wantedKey = key;
  return search(ring, true) === 0;
}

/** Whether `ring` is in `key`: 0, -EDEADLK, or -ELOOP where they would be too deep. */
function depthBelow(key: Key, ring: Key, depth: u32): i64 {
  if (key === ring) return -EDEADLK;
  if (depth > DEPTH_MAX) return -ELOOP;
  key.visited = searches;
  let member: Member | null = key.first;
  while (member !== null) {
    const inner = member.key;
    if (inner.type === TYPE_KEYRING && inner.visited !== searches) {
      const wrong = depthBelow(inner, ring, depth + 1);
      if (wrong !== 0) return wrong;
    }
    member = member.next;
  }
  return 0;
}

/** `key` may be put into `ring`, as far as rings would lead to themselves: 0, -EDEADLK or -ELOOP. */
export function checkCycle(key: Key, ring: Key): i64 {
  if (key.type !== TYPE_KEYRING) return 0;
  searches++;
  return depthBelow(key, ring, 0);
}
