// Shared mounts (mount_namespaces(7), fs/pnode.c of Linux 6.1). Mounts of a peer group see what is mounted on one of them, in
// whatever namespace; slaves of a group see what is mounted on its members, and are seen by none.

import { Mount } from "./node";

/** The first of all mounts that are in a group or are slaves of one. */
let first: Mount | null = null;
/** No number below this is free for a group. */
let lowest: u32 = 1;

function enter(mount: Mount): void {
  if (mount.group !== 0 || mount.master !== 0) return;
  const next = first;
  mount.nextShared = next;
  mount.previousShared = null;
  if (next !== null) next.previousShared = mount;
  first = mount;
}

function leave(mount: Mount): void {
  if (mount.group !== 0 || mount.master !== 0) return;
  const next = mount.nextShared;
  const previous = mount.previousShared;
  if (previous === null) first = next;
  else previous.nextShared = next;
  if (next !== null) next.previousShared = previous;
  mount.nextShared = null;
  mount.previousShared = null;
}

/** A mount of `group`, null where there is none. */
function memberOf(group: u32): Mount | null {
  let at = first;
  while (at !== null && at.group !== group) at = at.nextShared;
  return at;
}

/** Puts `mount` into a group of its own where it is in none. */
export function makeShared(mount: Mount): void {
  if (mount.group !== 0) return;
  enter(mount);
  while (memberOf(lowest) !== null) lowest++;
  mount.group = lowest;
}

/** `copy`, which is new, is a peer of `mount`, and a slave where that is one. */
export function joinGroup(copy: Mount, mount: Mount): void {
  if (mount.group === 0 && mount.master === 0) return;
  enter(copy);
  copy.group = mount.group;
  copy.master = mount.master;
}

/** `mount` becomes a slave of its peers; where it has none, what was their master stays its own and that of their slaves. */
export function makeSlave(mount: Mount): void {
  const group = mount.group;
  if (group === 0) return;
  const master = mount.master;
  mount.group = 0;
  if (memberOf(group) !== null) {
    mount.master = group;
    return;
  }
  lowest = min<u32>(lowest, group);
  let at = first;
  while (at !== null) {
    const next: Mount | null = at.nextShared;
    if (at !== mount && at.master === group) {
      at.master = master;
      leave(at);
    }
    at = next;
  }
  leave(mount);
}

/** Nothing that is mounted elsewhere is seen on `mount` any more, and the other way round. */
export function makePrivate(mount: Mount): void {
  makeSlave(mount);
  if (mount.master === 0) return;
  mount.master = 0;
  leave(mount);
}

/** The group, from that of which `mount` is a slave upwards, that has a member in its namespace; 0 for none. */
export function dominatingGroup(mount: Mount): u32 {
  let group = mount.master;
  while (group !== 0) {
    let above: u32 = 0;
    let at = first;
    while (at !== null) {
      if (at.group === group) {
        if (at.namespace === mount.namespace) return group;
        above = at.master;
      }
      at = at.nextShared;
    }
    group = above;
  }
  return 0;
}

/** The receivers that `findReceivers` has found, in an order in which each comes behind whom it receives from. */
let receivers: Mount | null = null;
let lastReceiver: Mount | null = null;

function addReceiver(mount: Mount): void {
  const last = lastReceiver;
  if (last === null) receivers = mount;
  else last.nextReceiver = mount;
  lastReceiver = mount;
}

/** `mount` has not been found yet and has a place: it sees what `source` does. */
function hears(mount: Mount, source: Mount): bool {
  if (mount.receives !== 0 || mount.namespace === null) return false;
  mount.receives = 1;
  mount.from = source;
  addReceiver(mount);
  return true;
}

/** Peers see by `source` what that sees, so that copies for them are peers, too. */
function addPeers(source: Mount): void {
  let at = first;
  while (at !== null && source.group !== 0) {
    if (at.group === source.group) hears(at, source);
    at = at.nextShared;
  }
}

/**
 * Finds who sees what is mounted on `parent`: the first is it itself, others follow by `nextReceiver`. They are to be let go by
 * `dropReceivers` before the next look.
 */
export function findReceivers(parent: Mount): Mount | null {
  receivers = null;
  lastReceiver = null;
  parent.receives = 1;
  addReceiver(parent);
  let source: Mount | null = parent;
  while (source !== null) {
    addPeers(source);
    let at = first;
    while (at !== null && source.group !== 0) {
      if (at.master === source.group && hears(at, source)) addPeers(at);
      at = at.nextShared;
    }
    source = source.nextReceiver;
  }
  return receivers;
}

export function dropReceivers(): void {
  let at = receivers;
  while (at !== null) {
    const next: Mount | null = at.nextReceiver;
    at.receives = 0;
    at.from = null;
    at.copy = null;
    at.nextReceiver = null;
    at = next;
  }
  receivers = null;
  lastReceiver = null;
}

/** `copy`, made for `receiver` and a peer of what was copied, becomes a slave of that where the receiver is one. */
export function placeCopy(copy: Mount, receiver: Mount): void {
  const from = receiver.from as Mount;
  if (receiver.group === from.group) return;
  copy.master = copy.group;
  copy.group = 0;
  if (receiver.group !== 0) makeShared(copy);
}
