// The services native and hybrid programs call through portals: standard output and error, memory, files,
// echo, exit. Message formats are those of the published runtime environment; a malformed message gets the
// error value of its service and changes nothing. The raw echo service never gets here: its portal enters at a
// stub that replies (asm/roottask.ts).

import { MEM_R, MEM_W, UTCB_BYTES } from "../libhedron/abi";
import {
  ALLOCATE_ALLOC,
  ALLOCATE_FREE,
  SERVICE_ALLOCATE,
  SERVICE_ECHO,
  SERVICE_EXIT,
  SERVICE_FILES,
  SERVICE_STDERR,
  SERVICE_STDOUT,
} from "../libhrstd/layout";
import {
  bytesAddress,
  bytesLength,
  read64,
  readBytes,
  readVarint,
  wireClose,
  wireError,
  wireRead,
  wireWrite,
  write64,
} from "../libhrstd/postcard";
import { blocked, findRoom, mapped, SPACE_END, Space } from "./areas";
import { endLine, put, say, sayDecimal, sayHex, saySigned } from "./console";
import { actAs } from "./credentials";
import { endProgram } from "./domain";
import { fileRequest } from "./file_service";
import { LOG_TRACE, lineAbout, logs, MODULE_SERVICES } from "./log";
import { grant, takeBack } from "./pregrant";
import { STATE_EXITED, Thread } from "./program";
import { map, unmap } from "./space";
import { seeFrom } from "./tree";

const PAGE: u64 = 4096;
/** Allocations end here, so that a native program's pointers reach them and nothing lies at the last pages of 4 GiB. */
const ALLOCATION_END: u64 = 0xf000_0000;
/** Error value of the services that answer with a number of bytes or with nothing. */
const FAILED: u64 = ~(0 as u64);

/** Begins the line about a request at the level where services log; false where there is none to be. */
function traces(thread: Thread, literal: string): bool {
  if (!logs(LOG_TRACE, MODULE_SERVICES, thread.program)) return false;
  lineAbout(thread.program, LOG_TRACE, MODULE_SERVICES, "");
  sayDecimal(thread.program.number as u64);
  say(": ");
  say(literal);
  return true;
}

/** Prints the text of the message: the number of bytes. */
function output(thread: Thread, name: string): u64 {
  const result = readBytes() ? (bytesLength as u64) : FAILED;
  if (traces(thread, name)) {
    saySigned(result as i64);
    endLine();
  }
  if (result !== FAILED) put(bytesAddress as usize, bytesLength);
  return result;
}

function pages(size: u64): u64 {
  return (size + PAGE - 1) & ~(PAGE - 1);
}

/** Maps `size` bytes of the program's own, aligned to `asked`; the address, or 0. */
function allocate(space: Space, size: u64, asked: u64): u64 {
  if (size === 0 || size >= SPACE_END || asked >= SPACE_END || (asked & (asked - 1)) !== 0)
    return 0;
  const length = pages(size);
  const align = max<u64>(asked, PAGE);
  takeBack(space);
  const limit = space.top;
  space.top = min<u64>(limit, ALLOCATION_END);
  const room = findRoom(space, length + align - PAGE);
  space.top = limit;
  let start = (room + align - 1) & ~(align - 1);
  if (room !== 0 && map(space, start, start + length, MEM_R | MEM_W, null, 0) !== 0) start = 0;
  grant(space);
  return start;
}

/** Takes memory of the program's back: 0, or FAILED where not all of it is mapped. */
function free(space: Space, start: u64, size: u64): u64 {
  if ((start & (PAGE - 1)) !== 0 || start >= SPACE_END) return FAILED;
  if (size === 0 || size > SPACE_END - start) return FAILED;
  const end = start + pages(size);
  takeBack(space);
  const isOwn = mapped(space, start, end) && !blocked(space, start, end);
  const result = isOwn && unmap(space, start, end) === 0 ? 0 : FAILED;
  grant(space);
  return result;
}

function allocation(thread: Thread): u64 {
  const space = thread.program.space;
  const variant = readVarint();
  const address = variant === ALLOCATE_FREE ? read64() : 0;
  const size = read64();
  const align = read64();
  let result = variant === ALLOCATE_FREE ? FAILED : 0;
  if (!wireError && variant === ALLOCATE_ALLOC) result = allocate(space, size, align);
  else if (!wireError && variant === ALLOCATE_FREE) result = free(space, address, size);
  if (traces(thread, variant === ALLOCATE_FREE ? "free " : "allocate ")) {
    if (variant === ALLOCATE_FREE) {
      sayHex(address, 1);
      say(", ");
    }
    sayDecimal(size);
    say(" bytes aligned to ");
    sayDecimal(align);
    say(": ");
    sayHex(result, 1);
    endLine();
  }
  return result;
}

/** Ends the program with the status of the message; returns where there is none. */
function exit(thread: Thread): u64 {
  const status = read64();
  if (traces(thread, "exit ")) {
    saySigned(wireError ? -1 : (status as i64));
    endLine();
  }
  if (!wireError) endProgram(thread, STATE_EXITED, (status & 0xff) as u32);
  return FAILED;
}

function answer(thread: Thread, value: u64): void {
  wireWrite(changetype<usize>(thread.utcb) as u64);
  write64(value);
  wireClose();
}

/** Sends the message back as it came. */
function echo(thread: Thread): void {
  const utcb = thread.utcb;
  utcb.items = min<u32>(utcb.items & 0xffff, UTCB_BYTES / 8);
  if (traces(thread, "echo ")) {
    sayDecimal(utcb.items as u64);
    say(" words");
    endLine();
  }
}

/** Handles a call of `service` by `thread`; the message and the reply are in its handler's UTCB. */
export function handleService(thread: Thread, service: u32): void {
  wireRead(changetype<usize>(thread.utcb) as u64);
  actAs(thread.credentials);
  seeFrom(thread.fs.rootMount, thread.fs.root);
  thread.program.calls++;
  switch (service) {
    case SERVICE_STDOUT:
      answer(thread, output(thread, "stdout: "));
      break;
    case SERVICE_STDERR:
      answer(thread, output(thread, "stderr: "));
      break;
    case SERVICE_ALLOCATE:
      answer(thread, allocation(thread));
      break;
    case SERVICE_FILES:
      fileRequest(thread);
      break;
    case SERVICE_ECHO:
      echo(thread);
      break;
    case SERVICE_EXIT:
      answer(thread, exit(thread));
      break;
    default:
      thread.utcb.items = 0;
  }
}
