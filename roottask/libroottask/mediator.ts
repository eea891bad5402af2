// The mediator and the vDSO in Linux programs (docs/architecture.md, "The mediator"): their pages, and what the
// roottask has to know where a thread is interrupted in the mediator. Nothing that programs can write to is believed:
// what comes from a thread's page are registers, which are the program's anyway.

import { MEM_R, MEM_W, MEM_X, PAGE_SIZE, SUCCESS } from "../libhedron/abi";
import { hipHasEntries } from "../libhedron/hip";
import { setEntry } from "../libhedron/hypercalls";
import { mediator_image, vdso_image, vdso_image_end } from "../libhedron/symbol";
import { Utcb } from "../libhedron/utcb";
import { CHACHA_KEY, CHACHA_KEY_BYTES, putConstants } from "../libhrstd/chacha20";
import { UTCB_ADDRESS } from "../libhrstd/layout";
import {
  FIRST_UTCB,
  FRAME_BYTES,
  FRAME_RESULT,
  FRAME_RFLAGS,
  FRAME_RIP,
  IMAGE_CODE,
  IMAGE_COMMITTED,
  IMAGE_EXIT,
  IMAGE_FORWARD,
  IMAGE_FORWARDED,
  IMAGE_SAVED,
  IMAGE_SIZE,
  MEDIATOR,
  MEDIATOR_BYTES,
  MEDIATOR_PAGES,
  PAGE_CALLS,
  PAGE_EFFECTIVE_GROUP,
  PAGE_EFFECTIVE_USER,
  PAGE_GROUP,
  PAGE_PROCESS,
  PAGE_PROCESSOR,
  PAGE_RANDOM,
  PAGE_THREAD,
  PAGE_USER,
  TIME_PAGE,
  VDSO,
} from "../libhrstd/mediator_layout";
import { fillTimePage } from "./clock";
import { hip } from "./machine";
import { allocatePages } from "./pages";
import { seenBy } from "./pid_numbers";
import { Program, THREADS_MAX, Thread } from "./program";
import { randomBytes } from "./random";
import { THREAD_EC } from "./selectors";
import { giveWindows } from "./shared_files";
import { block, copyInto, map, mirror } from "./space";

/** Length of SYSCALL. */
const SYSCALL_BYTES: u64 = 2;
const RFLAGS_ZF: u64 = 0x40;
const REGISTERS: usize = offsetof<Utcb>("rax");
const REGISTER_BYTES: usize = 16 * 8;

if ((FIRST_UTCB as u64) !== UTCB_ADDRESS) ERROR("FIRST_UTCB");

let timePage: usize = 0;
/** The header of the mediator's image, and its code in pages of its own; 0 where there is none. */
let header: usize = 0;
let code: usize = 0;
let codePages: u32 = 0;
/**
 * The kernel lets system calls enter user mode; it also keeps RIP, RSP and RFLAGS of a system call unless the reply
 * changes them (docs/kernel-interface.md).
 */
export let keepsFrames: bool = false;
/** Where the mediator forwards a call, the address behind its SYSCALL. */
export let forwarded: u64 = 0;

function pagesOf(bytes: u32): u32 {
  return (bytes + (PAGE_SIZE as u32) - 1) / (PAGE_SIZE as u32);
}

/** Prepares the pages all programs share; after `startClock`. False when memory is out. */
export function initMediator(): bool {
  timePage = allocatePages(0);
  if (timePage === 0) return false;
  fillTimePage(timePage);
  keepsFrames = hipHasEntries(hip);
  header = mediator_image() as usize;
  if (header === 0) return true;
  const size = load<u32>(header + IMAGE_SIZE);
  codePages = pagesOf(size);
  let order: u32 = 0;
  while ((1 as u32) << order < codePages) order++;
  code = allocatePages(order);
  if (code === 0) return false;
  memory.copy(code, header + IMAGE_CODE, size);
  forwarded = (MEDIATOR as u64) + (load<u32>(header + IMAGE_FORWARDED) as u64);
  return true;
}

/** Gives a Linux program the clocks' page, where there is a vDSO to read it. False when memory is out. */
export function giveTimePage(program: Program): bool {
  const space = program.space;
  if (vdso_image() === 0) return true;
  if (block(space, TIME_PAGE, TIME_PAGE + PAGE_SIZE) !== 0) return false;
  mirrorTimePage(program);
  return true;
}

function mirrorTimePage(program: Program): void {
  const own = program.timePage;
  mirror(program.space, TIME_PAGE, (own === 0 ? timePage : own) as u64, 1, MEM_R);
}

/** `program`, which has had another page of clocks, reads them from `timePage` of it from now on. */
export function changeTimePage(program: Program): void {
  if (vdso_image() === 0) return;
  mirror(program.space, TIME_PAGE, timePage as u64, 1, 0);
  mirrorTimePage(program);
}

/** A page that programs can read clocks from; 0 when memory is out. */
export function newTimePage(): usize {
  const page = allocatePages(0);
  if (page === 0) return 0;
  memory.fill(page, 0, PAGE_SIZE as usize);
  fillTimePage(page);
  return page;
}

/** Gives a Linux program the vDSO and the clocks' page: the former's address, or 0 where there is none. */
export function giveVdso(program: Program): u64 {
  const space = program.space;
  const image = vdso_image() as usize;
  if (image === 0) return 0;
  const size = (vdso_image_end() as usize) - image;
  const end = (VDSO as u64) + (pagesOf(size as u32) as u64) * (PAGE_SIZE as u64);
  if (!giveTimePage(program)) return 0;
  if (map(space, VDSO, end, MEM_R | MEM_X, null, 0) !== 0) return 0;
  return copyInto(space, VDSO, image, size as u32) ? VDSO : 0;
}

/** Gives a Linux program the mediator's code, and keeps the places of its pages. False when memory is out. */
export function giveMediator(program: Program): bool {
  if (program.mediated === 0 || code === 0 || !keepsFrames) return true;
  const space = program.space;
  const end = (MEDIATOR_PAGES as u64) + (((THREADS_MAX + 1) * PAGE_SIZE) as u64);
  if (block(space, MEDIATOR, MEDIATOR + MEDIATOR_BYTES) !== 0) return false;
  if (block(space, MEDIATOR_PAGES, end) !== 0) return false;
  mirror(space, MEDIATOR, code as u64, codePages, MEM_R | MEM_X);
  return giveWindows(program);
}

function pageAddress(thread: Thread): u64 {
  return (MEDIATOR_PAGES as u64) + ((thread.slot * PAGE_SIZE) as u64);
}

function putIds(thread: Thread): void {
  const page = thread.page;
  const credentials = thread.credentials;
  store<u32>(page + PAGE_USER, credentials.user);
  store<u32>(page + PAGE_EFFECTIVE_USER, credentials.effectiveUser);
  store<u32>(page + PAGE_GROUP, credentials.group);
  store<u32>(page + PAGE_EFFECTIVE_GROUP, credentials.effectiveGroup);
}

/** The credentials of `thread` have changed: its mediator is told of the ids. */
export function tellIds(thread: Thread): void {
  if (thread.frame !== 0) putIds(thread);
}

/** Lets the system calls of a thread of a Linux program, whose EC has been made, go to its mediator if it is to have one. */
export function attachMediator(thread: Thread): void {
  const program = thread.program;
  // One that borrows another's memory has none: what a mediator knows of its program would be the other's.
  if (program.fileEntries === 0 || thread.direct !== 0) return;
  if (thread.page === 0) thread.page = allocatePages(0);
  const page = thread.page;
  // Without it, every call is a message.
  if (page === 0) return;
  memory.fill(page, 0, PAGE_SIZE);
  store<u32>(page + PAGE_PROCESS, seenBy(program, program.id));
  store<u32>(page + PAGE_THREAD, seenBy(program, thread.id));
  store<u32>(page + PAGE_PROCESSOR, thread.processor);
  putIds(thread);
  putConstants<usize>(page + PAGE_RANDOM);
  randomBytes(page + PAGE_RANDOM + CHACHA_KEY, CHACHA_KEY_BYTES);
  const address = pageAddress(thread);
  const stack = address + (PAGE_SIZE as u64);
  if (setEntry(thread.block + THREAD_EC, MEDIATOR, codePages as u64, stack) !== SUCCESS) return;
  mirror(program.space, address, page as u64, 1, MEM_R | MEM_W);
  thread.frame = page + PAGE_SIZE - FRAME_BYTES;
}

/**
 * From now on, all calls of `thread` are messages, as somebody has to look at them. One that its mediator is about to answer
 * is answered.
 */
export function bypassMediator(thread: Thread): void {
  thread.direct = 1;
  if (thread.frame !== 0) setEntry(thread.block + THREAD_EC, MEDIATOR, 0, 0);
}

/** The thread has ended: counts what its mediator has answered, and takes its page from the program. */
export function detachMediator(thread: Thread): void {
  if (thread.frame === 0) return;
  const program = thread.program;
  program.calls += load<u32>(thread.page + PAGE_CALLS) as u64;
  mirror(program.space, pageAddress(thread), thread.page as u64, 1, 0);
  thread.frame = 0;
}

/** The program's RIP in the call that `thread` has forwarded. */
export function callerOf(thread: Thread): u64 {
  return load<u64>(thread.frame + FRAME_RIP);
}

/** RIP is in the mediator of `thread`. */
export function inMediator(thread: Thread, rip: u64): bool {
  return thread.frame !== 0 && rip - (MEDIATOR as u64) < ((codePages * PAGE_SIZE) as u64);
}

function label(offset: u32): u64 {
  return (MEDIATOR as u64) + (load<u32>(header + offset) as u64);
}

/** The call at RIP in the mediator has had its effect, and its result is in the frame. */
function isAnswered(rip: u64, rflags: u64): bool {
  if (rip === label(IMAGE_COMMITTED)) return (rflags & RFLAGS_ZF) !== 0;
  return rip >= label(IMAGE_EXIT) && rip < label(IMAGE_FORWARD);
}

/** Registers become the program's behind its SYSCALL, as the frame has them. */
function loadFrame(thread: Thread, regs: Utcb): void {
  const frame = thread.frame;
  memory.copy(changetype<usize>(regs) + REGISTERS, frame, REGISTER_BYTES);
  regs.rip = load<u64>(frame + FRAME_RIP);
  regs.rflags = load<u64>(frame + FRAME_RFLAGS);
}

/**
 * Makes the registers of a thread that is interrupted in its mediator those of the program: behind the SYSCALL where
 * the call has been answered, and at it where nothing has happened yet.
 */
export function leaveMediator(thread: Thread, regs: Utcb): void {
  if (regs.rip < label(IMAGE_SAVED)) {
    regs.rip = regs.rcx - SYSCALL_BYTES;
    regs.rsp = regs.r11;
    return;
  }
  const answered = isAnswered(regs.rip, regs.rflags);
  loadFrame(thread, regs);
  if (answered) regs.rax = load<u64>(thread.frame + FRAME_RESULT);
  else regs.rip -= SYSCALL_BYTES;
}

/**
 * The call that the mediator of `thread` had in work when it raised an exception becomes one of the roottask's:
 * registers are those of its message. False where there is none.
 */
export function takeCall(thread: Thread, regs: Utcb): bool {
  if (!inMediator(thread, regs.rip) || regs.rip < label(IMAGE_SAVED)) return false;
  if (isAnswered(regs.rip, regs.rflags)) return false;
  // No call of the mediator's own comes to it: somebody has jumped into it, and would come here again and again.
  if (inMediator(thread, callerOf(thread))) return false;
  loadFrame(thread, regs);
  return true;
}
