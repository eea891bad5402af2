// Credentials of a thread: user and group ids, supplementary groups, capabilities (credentials(7), capabilities(7)).
// A record is shared by all that inherited it, so it never changes once somebody else has it. Those of root are what
// every program starts with, and what the roottask itself acts with.

import { allocate, create, destroy, release } from "./heap";

/** Capabilities, include/uapi/linux/capability.h. */
export const CAP_CHOWN: u64 = 0;
export const CAP_DAC_OVERRIDE: u64 = 1;
export const CAP_DAC_READ_SEARCH: u64 = 2;
export const CAP_FOWNER: u64 = 3;
export const CAP_FSETID: u64 = 4;
export const CAP_KILL: u64 = 5;
export const CAP_SETGID: u64 = 6;
export const CAP_SETUID: u64 = 7;
export const CAP_SETPCAP: u64 = 8;
export const CAP_LINUX_IMMUTABLE: u64 = 9;
export const CAP_NET_BIND_SERVICE: u64 = 10;
export const CAP_NET_ADMIN: u64 = 12;
export const CAP_NET_RAW: u64 = 13;
export const CAP_IPC_LOCK: u64 = 14;
export const CAP_IPC_OWNER: u64 = 15;
export const CAP_SYS_CHROOT: u64 = 18;
export const CAP_SYS_PTRACE: u64 = 19;
export const CAP_SYS_ADMIN: u64 = 21;
export const CAP_SYS_BOOT: u64 = 22;
export const CAP_SYS_NICE: u64 = 23;
export const CAP_SYS_RESOURCE: u64 = 24;
export const CAP_SYS_TIME: u64 = 25;
export const CAP_SYS_TTY_CONFIG: u64 = 26;
export const CAP_MKNOD: u64 = 27;
export const CAP_LEASE: u64 = 28;
export const CAP_SETFCAP: u64 = 31;
export const CAP_CHECKPOINT_RESTORE: u64 = 40;
/** The last one there is. */
export const CAP_LAST: u64 = CAP_CHECKPOINT_RESTORE;
/** All there are, as a set. */
export const CAP_ALL: u64 = ((1 as u64) << (CAP_LAST + 1)) - 1;

@unmanaged
export class Credentials {
  /** Threads that have it. */
  users: u32;
  /** SECBIT_… of prctl(2). */
  securebits: u32;
  user: u32;
  effectiveUser: u32;
  savedUser: u32;
  /** Whom files are accessed as. */
  fileUser: u32;
  group: u32;
  effectiveGroup: u32;
  savedGroup: u32;
  fileGroup: u32;
  /** Supplementary groups, u32 each, ascending. */
  groups: usize;
  groupCount: u32;
  effective: u64;
  permitted: u64;
  inheritable: u64;
  bounding: u64;
  ambient: u64;
}

const initial = changetype<Credentials>(memory.data(128, 8));
if (offsetof<Credentials>() > 128) ERROR("storage of the initial credentials");

/** Those that the call under way is made with. */
export let actor: Credentials = initial;

/** What follows is done with `credentials`. */
export function actAs(credentials: Credentials): void {
  actor = credentials;
}

/** What follows is the roottask's own doing. */
export function actAsRoot(): void {
  actor = initial;
}

/** Must be called first. */
export function initCredentials(): void {
  initial.users = 1;
  initial.effective = CAP_ALL;
  initial.permitted = CAP_ALL;
  initial.bounding = CAP_ALL;
  actor = initial;
}

/** Root's, for a new program. */
export function rootCredentials(): Credentials {
  return initial;
}

export function keepCredentials(credentials: Credentials): Credentials {
  credentials.users++;
  return credentials;
}

export function dropCredentials(credentials: Credentials): void {
  if (--credentials.users !== 0) return;
  if (credentials.groupCount !== 0) release(credentials.groups, credentials.groupCount * 4);
  destroy<Credentials>(credentials);
}

/** A copy that nobody has yet, to be changed; null when memory is out. */
export function copyCredentials(credentials: Credentials): Credentials | null {
  const copy = create<Credentials>();
  if (copy === null) return null;
  memory.copy(changetype<usize>(copy), changetype<usize>(credentials), offsetof<Credentials>());
  copy.users = 1;
  if (copy.groupCount === 0) return copy;
  copy.groups = allocate(copy.groupCount * 4);
  if (copy.groups === 0) {
    destroy<Credentials>(copy);
    return null;
  }
  memory.copy(copy.groups, credentials.groups, copy.groupCount * 4);
  return copy;
}

/** `capability` (CAP_…) is effective. */
export function hasCapability(credentials: Credentials, capability: u64): bool {
  return ((credentials.effective >> capability) & 1) !== 0;
}

/** The call under way may do what `capability` is for. */
export function capable(capability: u64): bool {
  return hasCapability(actor, capability);
}

/** Files of `group` are accessed as one of the group by the call under way. */
export function inGroup(group: u32): bool {
  if (actor.fileGroup === group) return true;
  for (let i: u32 = 0; i < actor.groupCount; i++) {
    if (load<u32>(actor.groups + i * 4) === group) return true;
  }
  return false;
}

/** What may be asked for; the bits of access(2). */
export const MAY_EXECUTE: u32 = 1;
export const MAY_WRITE: u32 = 2;
export const MAY_READ: u32 = 4;
const ANY_EXECUTE: u32 = 0o111;

/** The call under way may do `wanted`, MAY_… bits, with a file or directory of those owners and that mode. */
export function mayAccess(owner: u32, group: u32, mode: u32, directory: bool, wanted: u32): bool {
  // The bits of the first class that the caller is in count.
  let granted = mode;
  if (actor.fileUser === owner) granted = mode >> 6;
  else if (inGroup(group)) granted = mode >> 3;
  if ((wanted & ~(granted & 7)) === 0) return true;
  if (directory) {
    if (capable(CAP_DAC_OVERRIDE)) return true;
    return (wanted & MAY_WRITE) === 0 && capable(CAP_DAC_READ_SEARCH);
  }
  if (wanted === MAY_READ && capable(CAP_DAC_READ_SEARCH)) return true;
  const executes = (wanted & MAY_EXECUTE) !== 0 && (mode & ANY_EXECUTE) === 0;
  return !executes && capable(CAP_DAC_OVERRIDE);
}
