// What a program for Linux has of Hedron: whether it runs there, which the starter says in the environment, and what it
// then asks kernel and roottask for by hypercalls between its system calls.

import {
  ARG1_SELECTOR_SHIFT,
  CRD_NULL,
  HC_CALL,
  HC_CREATE_PD,
  STATUS_MASK,
} from "../../../roottask/libhedron/abi";
import { hybridCall } from "../../../roottask/libhrstd/hybrid";
import {
  HEDRON_ENVIRONMENT,
  SEL_PD,
  SEL_STDERR,
  UTCB_ADDRESS,
} from "../../../roottask/libhrstd/layout";
import { wireClose, wireWrite, writeBytes } from "../../../roottask/libhrstd/postcard";
import { environment } from "./posix";
import { window } from "./x86";

const ROOM: u32 = 64;
const text = memory.data(64);

function isMark(length: i32): bool {
  if (length !== HEDRON_ENVIRONMENT.length) return false;
  for (let i = 0; i < length; i++) {
    if ((load<u8>(text + i) as i32) !== HEDRON_ENVIRONMENT.charCodeAt(i)) return false;
  }
  return true;
}

/** Whether this program may make hypercalls. */
export function onHedron(): bool {
  let index: u32 = 0;
  let length = environment(index, text, ROOM);
  while (length >= 0) {
    if (isMark(length)) return true;
    index++;
    length = environment(index, text, ROOM);
  }
  return false;
}

/** Creates a protection domain at `selector`; the kernel's status. */
export function createDomain(selector: u64): u64 {
  const create = HC_CREATE_PD | (selector << ARG1_SELECTOR_SHIFT);
  return hybridCall(create, SEL_PD, CRD_NULL, 0, 0) & STATUS_MASK;
}

/** Prints the `length` bytes at `start`, at most 4062, by a call of the standard-error service; the kernel's status. */
export function printThroughPortal(start: usize, length: u32): u64 {
  wireWrite(UTCB_ADDRESS);
  writeBytes(window() + (start as u64), length);
  wireClose();
  return hybridCall(HC_CALL | (SEL_STDERR << ARG1_SELECTOR_SHIFT), 0, 0, 0, 0) & STATUS_MASK;
}
