// Addresses of sockets on their way between a program and `address` (libroottask/socket.ts).

import { EFAULT, EINVAL } from "../libroottask/errno";
import { Program } from "../libroottask/program";
import { ADDRESS_MAX, address } from "../libroottask/socket";
import { copyFrom, copyTo, get32, got, put32 } from "../libroottask/space";

/** Bytes of the family, which all addresses begin with. */
export const FAMILY_BYTES: u32 = 2;

/** Reads an address of `length` bytes at `from` of the program: 0 or a negative error. */
export function readAddress(program: Program, from: u64, length: i32): i64 {
  if (length < 0 || (length as u32) > ADDRESS_MAX) return -EINVAL;
  memory.fill(address, 0, ADDRESS_MAX);
  return copyFrom(program.space, address, from, length as u32) ? 0 : -EFAULT;
}

/** Puts the `length` bytes in `address` where the program wants them, as much as fits: 0 or a negative error. */
export function putAddress(program: Program, length: u32, to: u64, lengthAt: u64): i64 {
  if (!get32(program.space, lengthAt)) return -EFAULT;
  const room = got as i32;
  if (room < 0) return -EINVAL;
  if (!copyTo(program.space, to, address, min<u32>(room as u32, length))) return -EFAULT;
  return put32(program.space, lengthAt, length) ? 0 : -EFAULT;
}

/** Why a family has not made a socket: a negative error. */
export let familyError: i64 = 0;

export function setFamilyError(error: i64): void {
  familyError = error;
}
