// The mediator's calls: those that can be answered in the program's own address space exactly as the roottask would.
// Everything else is forwarded as it came. A fault here, whatever its reason, makes the roottask do the call from the
// beginning, so nothing is changed that would not be changed again.

import {
  ANSWERED,
  COMMIT,
  FILE_ENTRIES,
  FILE_ENTRIES_PAGE,
  FILE_ENTRY_BYTES,
  FILE_NUMBER,
  FILE_SIZE,
  FILE_WINDOW,
  FILE_WORD,
  FILE_WORDS_PAGE,
  FIRST_UTCB,
  FORWARD,
  FRAME_BYTES,
  FRAME_NUMBER,
  FRAME_R9,
  FRAME_R10,
  FRAME_RDI,
  FRAME_RDX,
  FRAME_RESULT,
  FRAME_RSI,
  OTHER_PAGES,
  OTHER_PAGES_END,
  PAGE_CALLS,
  PAGE_COMMIT,
  PAGE_EFFECTIVE_GROUP,
  PAGE_EFFECTIVE_USER,
  PAGE_GROUP,
  PAGE_PROCESS,
  PAGE_PROCESSOR,
  PAGE_THREAD,
  PAGE_USER,
  WORD_ADDRESS_BITS,
  WORD_BREAK,
  WORD_POOL,
  WORD_THREADS,
  WORD_WAITERS,
} from "../../libhrstd/mediator_layout";
import { EAGAIN } from "../../libroottask/errno";
import {
  FUTEX_CLOCK_REALTIME,
  FUTEX_COMMAND,
  FUTEX_PRIVATE,
  FUTEX_WAIT,
  FUTEX_WAKE,
} from "../../linux/futex_operations";
import {
  SYS_brk,
  SYS_clock_gettime,
  SYS_futex,
  SYS_getcpu,
  SYS_getegid,
  SYS_geteuid,
  SYS_getgid,
  SYS_getpid,
  SYS_getrandom,
  SYS_gettid,
  SYS_gettimeofday,
  SYS_getuid,
  SYS_mmap,
  SYS_pread64,
  SYS_read,
  SYS_sched_yield,
  SYS_time,
} from "../../linux/numbers";
import { giveRandom } from "./random";
import { copy } from "./stub";
import { isLocal, readClock, readSeconds, readTimeOfDay } from "./time";
import { load32, load64, store32, store64 } from "./x86";

const PAGE: u64 = 4096;

function answer(frame: u64, result: u64): u32 {
  const page = frame + (FRAME_BYTES as u64) - PAGE;
  store32(page + PAGE_CALLS, load32(page + PAGE_CALLS) + 1);
  store64(frame + FRAME_RESULT, result);
  return ANSWERED;
}

/** Answers `result` where the word at `at` is still `before`, and becomes `after`. */
function commit(frame: u64, result: u64, at: u64, before: u64, after: u64): u32 {
  const page = frame + (FRAME_BYTES as u64) - PAGE;
  store64(page + PAGE_COMMIT, at);
  store64(page + PAGE_COMMIT + 8, before);
  store64(page + PAGE_COMMIT + 16, after);
  answer(frame, result);
  return COMMIT;
}

/** A word of the thread's page. */
function own(frame: u64, offset: u64): u64 {
  return load32(frame + (FRAME_BYTES as u64) - PAGE + offset);
}

/**
 * `bytes` at `address`, 0 to a page, are not in pages that the program can reach and the roottask does not count as its
 * memory: UTCBs, and what is described in mediator_layout.ts. Whether they are mapped at all the access will tell.
 */
function isMemory(address: u64, bytes: u64): bool {
  const end = address + bytes;
  if (end <= (OTHER_PAGES as u64)) return true;
  return address >= (OTHER_PAGES_END as u64) && end <= (FIRST_UTCB as u64);
}

function clockGettime(frame: u64): u32 {
  const clock = load64(frame + FRAME_RDI) as u32;
  const address = load64(frame + FRAME_RSI);
  if (!isLocal(clock) || !isMemory(address, 16)) return FORWARD;
  readClock(clock, address);
  return answer(frame, 0);
}

function gettimeofday(frame: u64): u32 {
  const address = load64(frame + FRAME_RDI);
  const zone = load64(frame + FRAME_RSI);
  if (!isMemory(address, 16) || !isMemory(zone, 8)) return FORWARD;
  readTimeOfDay(address, zone);
  return answer(frame, 0);
}

function time(frame: u64): u32 {
  const address = load64(frame + FRAME_RDI);
  if (!isMemory(address, 8)) return FORWARD;
  const now = readSeconds();
  if (address !== 0) store64(address, now);
  return answer(frame, now);
}

/** Largest read that is done here: the roottask is as fast with larger ones. */
const READ_MAX: u64 = 0x1_0000;

/** The descriptor's entry where the file has a window and the buffer is memory, or 0. */
function windowFor(frame: u64): u64 {
  const fd = load64(frame + FRAME_RDI) as u32;
  if (fd >= (FILE_ENTRIES as u32)) return 0;
  const entry = (FILE_ENTRIES_PAGE as u64) + ((fd * FILE_ENTRY_BYTES) as u64);
  if (load64(entry + FILE_WORD) === 0) return 0;
  const count = load64(frame + FRAME_RDX);
  return count - 1 < READ_MAX && isMemory(load64(frame + FRAME_RSI), count) ? entry : 0;
}

/** Copies what there is from `position` on; how much. */
function copyOut(frame: u64, entry: u64, position: u64): u64 {
  const size = load32(entry + FILE_SIZE);
  if (position >= size) return 0;
  const bytes = min<u64>(load64(frame + FRAME_RDX), size - position);
  copy(load64(frame + FRAME_RSI), load64(entry + FILE_WINDOW) + position, bytes);
  return bytes;
}

/** The word is read before the entry: where both have the same number, they belong together. */
function read(frame: u64): u32 {
  const entry = windowFor(frame);
  if (entry === 0) return FORWARD;
  const at = load64(entry + FILE_WORD);
  if (at === 0) return FORWARD;
  const word = load64(at);
  if (word >> 32 !== load32(entry + FILE_NUMBER)) return FORWARD;
  const bytes = copyOut(frame, entry, word & 0xffff_ffff);
  return commit(frame, bytes, at, word, word + bytes);
}

/** What has been copied counts where the number is the same before and after. */
function pread(frame: u64): u32 {
  const entry = windowFor(frame);
  if (entry === 0) return FORWARD;
  const at = load64(entry + FILE_WORD);
  if (at === 0) return FORWARD;
  const number = load64(at) >> 32;
  const position = load64(frame + FRAME_R10);
  if (number !== load32(entry + FILE_NUMBER) || (position as i64) < 0) return FORWARD;
  const bytes = copyOut(frame, entry, position);
  return load64(at) >> 32 === number ? answer(frame, bytes) : FORWARD;
}

/** getcpu(2): there is one node. */
function getcpu(frame: u64): u32 {
  const processor = load64(frame + FRAME_RDI);
  const node = load64(frame + FRAME_RSI);
  if (!isMemory(processor, 4) || !isMemory(node, 4)) return FORWARD;
  if (processor !== 0) store32(processor, own(frame, PAGE_PROCESSOR));
  if (node !== 0) store32(node, 0);
  return answer(frame, 0);
}

/** Most bytes getrandom(2) fills in without being interrupted, on Linux; here and there more is another matter. */
const RANDOM_MAX: u64 = 256;
/** The flags of getrandom(2) that are none or one of where from, and NONBLOCK: all are below. */
const GRND_END: u32 = 6;

function getrandom(frame: u64): u32 {
  const address = load64(frame + FRAME_RDI);
  const size = load64(frame + FRAME_RSI);
  const flags = load64(frame + FRAME_RDX) as u32;
  if (flags >= GRND_END || size - 1 >= RANDOM_MAX || !isMemory(address, size)) return FORWARD;
  giveRandom(frame + (FRAME_BYTES as u64) - PAGE, address, size);
  return answer(frame, size);
}

/** A number that the roottask tells all threads of the program. */
function told(offset: u64): u64 {
  return load32((FILE_WORDS_PAGE as u64) + offset);
}

const WORD_ADDRESS: u64 = ((1 as u64) << WORD_ADDRESS_BITS) - 1;
/** One page in the number of those that are left. */
const WORD_PAGE: u64 = (1 as u64) << WORD_ADDRESS_BITS;

function up(value: u64): u64 {
  return (value + PAGE - 1) & ~(PAGE - 1);
}

/** brk(2): where the break is, and further up in what has been granted. */
function brk(frame: u64): u32 {
  const address = load64(frame + FRAME_RDI);
  const at = (FILE_WORDS_PAGE as u64) + WORD_BREAK;
  const word = load64(at);
  const now = word & WORD_ADDRESS;
  if (word === 0) return FORWARD;
  if (address === 0 || address === now) return answer(frame, now);
  const left = word >> WORD_ADDRESS_BITS;
  const pages = (up(address) - up(now)) / PAGE;
  if (left === 0 || address < now || pages > left) return FORWARD;
  return commit(frame, address, at, word, word + (address - now) - pages * WORD_PAGE);
}

/** PROT_READ and PROT_WRITE. */
const READ_WRITE: u64 = 3;
/** MAP_PRIVATE and MAP_ANONYMOUS. */
const PRIVATE_ANONYMOUS: u64 = 0x22;
/** MAP_NORESERVE and MAP_STACK, which change nothing. */
const MAP_HINTS: u64 = 0x2_4000;

/** mmap(2): memory from the upper end of what has been granted, for those who do not say where. */
function mmap(frame: u64): u32 {
  const length = load64(frame + FRAME_RSI);
  const at = (FILE_WORDS_PAGE as u64) + WORD_POOL;
  const word = load64(at);
  const left = word >> WORD_ADDRESS_BITS;
  if (length - 1 >= left * PAGE || load64(frame + FRAME_RDX) !== READ_WRITE) return FORWARD;
  if ((load64(frame + FRAME_R10) & ~MAP_HINTS) !== PRIVATE_ANONYMOUS) return FORWARD;
  if ((load64(frame + FRAME_RDI) | load64(frame + FRAME_R9)) !== 0) return FORWARD;
  const pages = up(length) / PAGE;
  const after = word - pages * (WORD_PAGE + PAGE);
  return commit(frame, after & WORD_ADDRESS, at, word, after);
}

/** futex(2): a wake of nobody, where no other program's threads may wait, and a wait for what has changed already. */
function futex(frame: u64): u32 {
  const operation = load64(frame + FRAME_RSI) as u32;
  const command = operation & FUTEX_COMMAND;
  const address = load64(frame + FRAME_RDI);
  if ((address & 3) !== 0 || (operation & FUTEX_CLOCK_REALTIME) !== 0) return FORWARD;
  const own = (operation & FUTEX_PRIVATE) !== 0;
  if (command === FUTEX_WAKE) {
    return own && isMemory(address, 4) && told(WORD_WAITERS) === 0 ? answer(frame, 0) : FORWARD;
  }
  if (command !== FUTEX_WAIT || !own || load64(frame + FRAME_R10) !== 0) return FORWARD;
  if (!isMemory(address, 4) || load32(address) === (load64(frame + FRAME_RDX) & 0xffff_ffff)) {
    return FORWARD;
  }
  return answer(frame, -EAGAIN);
}

/** Answers the call in `frame`: FORWARD or ANSWERED. */
export function mediate(frame: u64): u32 {
  const number = load64(frame + FRAME_NUMBER);
  if (number === SYS_read) return read(frame);
  if (number > (SYS_clock_gettime as u64)) {
    if (number === SYS_getcpu) return getcpu(frame);
    return number === SYS_getrandom ? getrandom(frame) : FORWARD;
  }
  switch (number as u32) {
    case SYS_clock_gettime:
      return clockGettime(frame);
    case SYS_brk:
      return brk(frame);
    case SYS_mmap:
      return mmap(frame);
    case SYS_pread64:
      return pread(frame);
    case SYS_getpid:
      return answer(frame, own(frame, PAGE_PROCESS));
    case SYS_gettid:
      return answer(frame, own(frame, PAGE_THREAD));
    case SYS_getuid:
      return answer(frame, own(frame, PAGE_USER));
    case SYS_geteuid:
      return answer(frame, own(frame, PAGE_EFFECTIVE_USER));
    case SYS_getgid:
      return answer(frame, own(frame, PAGE_GROUP));
    case SYS_getegid:
      return answer(frame, own(frame, PAGE_EFFECTIVE_GROUP));
    case SYS_futex:
      return futex(frame);
    // It lets other threads of the program run, and no others.
    case SYS_sched_yield:
      return told(WORD_THREADS) === 1 ? answer(frame, 0) : FORWARD;
    case SYS_gettimeofday:
      return gettimeofday(frame);
    case SYS_time:
      return time(frame);
    default:
      return FORWARD;
  }
}
