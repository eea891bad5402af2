// Whether a program for Linux runs on Hedron, where the starter says so in the environment.

import { HEDRON_ENVIRONMENT } from "../../../roottask/libhrstd/layout";
import { environment } from "./posix";

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
