// What uname(2) tells of host and domain (uts_namespaces(7)): the first namespace is one for each line of the start file.

import { Utcb } from "../libhedron/utcb";
import { CAP_SYS_ADMIN, capable } from "../libroottask/credentials";
import { EFAULT, EINVAL, ENOMEM, EPERM } from "../libroottask/errno";
import { allocate, release } from "../libroottask/heap";
import { currentThread, Program } from "../libroottask/program";
import { copyFrom } from "../libroottask/space";
import { copyLiteral } from "../libroottask/text";
import { newOwnNamespace, OwnNamespace } from "./namespaces/records";
import { linuxThread } from "./state";

/** Bytes of a name with its NUL (__NEW_UTS_LEN + 1), and of both. */
export const NAME_FIELD: u32 = 65;
const NAMES_BYTES: u32 = 130;
const usual = memory.data(130);
const read = memory.data(65);

/** The namespace of the calling thread, null for its line's first. */
function ownNamespace(): OwnNamespace | null {
  return changetype<OwnNamespace | null>(linuxThread(currentThread()).hostNamespace);
}

/** Name of the host of the calling thread, a thread of `program`, NAME_FIELD bytes, and behind it that of the domain. */
export function hostNames(program: Program): usize {
  const namespace = ownNamespace();
  const own = namespace === null ? program.entry.hostNames : namespace.contents;
  if (own !== 0) return own;
  copyLiteral(usual, "trihedron");
  copyLiteral(usual + NAME_FIELD, "(none)");
  return usual;
}

/** A copy of the names of the calling thread, one of `program`; 0 when memory is out. */
function copyNames(program: Program): usize {
  const names = allocate(NAMES_BYTES);
  if (names !== 0) memory.copy(names, hostNames(program), NAMES_BYTES);
  return names;
}

/** The same as `hostNames`, as names that can be changed; 0 when memory is out. */
export function ownHostNames(program: Program): usize {
  const namespace = ownNamespace();
  if (namespace !== null) return namespace.contents;
  const entry = program.entry;
  if (entry.hostNames === 0) entry.hostNames = copyNames(program);
  return entry.hostNames;
}

function freeNames(names: usize): void {
  release(names, NAMES_BYTES);
}

/** A namespace with the names of the calling thread, one of `program`, and one user; null when memory is out. */
export function newHostNamespace(program: Program): OwnNamespace | null {
  const names = copyNames(program);
  if (names === 0) return null;
  const namespace = newOwnNamespace(names, freeNames);
  if (namespace === null) freeNames(names);
  return namespace;
}

/** Sets the name at `offset` to `length` bytes at `address`. */
function setName(program: Program, address: u64, length: i32, offset: u32): i64 {
  if (!capable(CAP_SYS_ADMIN)) return -EPERM;
  if (length < 0 || length >= (NAME_FIELD as i32)) return -EINVAL;
  memory.fill(read, 0, NAME_FIELD);
  if (!copyFrom(program.space, read, address, length as u32)) return -EFAULT;
  const names = ownHostNames(program);
  if (names === 0) return -ENOMEM;
  memory.copy(names + offset, read, NAME_FIELD);
  return 0;
}

/** sethostname(name, length). */
export function sysSethostname(program: Program, regs: Utcb): i64 {
  return setName(program, regs.rdi, regs.rsi as i32, 0);
}

/** setdomainname(name, length). */
export function sysSetdomainname(program: Program, regs: Utcb): i64 {
  return setName(program, regs.rdi, regs.rsi as i32, NAME_FIELD);
}

/** The record of `program` is about to go. */
export function forgetHostNames(program: Program): void {
  if (program.hostNames !== 0) freeNames(program.hostNames);
  program.hostNames = 0;
}
