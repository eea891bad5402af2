// Frames of signal handlers: struct rt_sigframe as arch/x86/kernel/signal_64.c builds it, and extended state behind it
// (arch/x86/kernel/fpu/signal.c). General registers are in the thread's message; extended state is in registers that
// only the thread itself can reach, so it passes through code of the roottask's (asm/signals.ts) on its way into the
// handler and on its way out, which ends with an exception there.

import { MEM_R, MEM_X, PAGE_SIZE } from "../libhedron/abi";
import {
  signal_code,
  signal_code_end,
  signal_enter,
  signal_initial,
  signal_leave,
  signal_left,
} from "../libhedron/symbol";
import { Utcb } from "../libhedron/utcb";
import { cpuid } from "../libhedron/x86";
import { SIGNAL_PAGE } from "../libhrstd/mediator_layout";
import { allocatePages } from "../libroottask/pages";
import { ALL_REGISTERS } from "../libroottask/portals";
import { Program, Thread } from "../libroottask/program";
import { RFLAGS_DF, RFLAGS_FIXED, RFLAGS_TF } from "../libroottask/rflags";
import { block, copyFrom, copyTo, mirror } from "../libroottask/space";
import { fillStack, onAlternate, setStack, within } from "./alternate_stack";
import { INFO_BYTES, signalInfo } from "./signal_queue";
import { LinuxThread, linuxThread } from "./state";

/** Bytes below RSP that belong to the function that runs (System V ABI, 3.2.2). */
const RED_ZONE: u64 = 128;

/** Layout of struct rt_sigframe: restorer, struct ucontext, siginfo. */
const FRAME_CONTEXT: u32 = 8;
const CONTEXT_STACK: u32 = 16;
const CONTEXT_REGISTERS: u32 = 40;
const CONTEXT_STATE: u32 = CONTEXT_REGISTERS + 184;
const CONTEXT_MASK: u32 = CONTEXT_REGISTERS + 256;
const FRAME_INFO: u32 = FRAME_CONTEXT + CONTEXT_MASK + 8;
const FRAME_BYTES: u32 = FRAME_INFO + INFO_BYTES;
/** CS, GS, FS and SS of a 64-bit program. */
const CS_SELECTORS: u64 = ((0x2b_0000 as u64) << 32) | 0x33;
/** uc_flags: there is extended state; SS is in the frame, and goes back from there. */
const UC_FP_XSTATE: u64 = 1;
const UC_SEGMENTS: u64 = 2 | 4;

/** Flags that a frame sets: arithmetic, direction, trap, alignment check. Others stay as they are. */
const USER_FLAGS: u64 = 0x4_0dd5;

/** Of the legacy area, as FXSAVE writes it. */
const LEGACY_BYTES: u32 = 512;
/** That and the header of XSAVE. */
const HEADER_END: u32 = LEGACY_BYTES + 64;
/** struct _fpx_sw_bytes in the legacy area: magic number, bytes with the second one, components, bytes without. */
const SOFTWARE: u32 = 464;
const SOFTWARE_BYTES: u32 = 48;
const MAGIC1: u32 = 0x4650_5853;
const MAGIC2: u32 = 0x4650_5845;
const MAGIC2_BYTES: u32 = 4;
/** x87, SSE, AVX, AVX-512 (three components): what is saved. */
const COMPONENTS: u32 = 0xe7;
/** The same with all of them: Intel SDM vol. 1, table 13-1 and 13.4; what a processor has is less or equal. */
const STATE_MAX: u32 = 4096;
const STATE_ALIGN: u64 = 64;

/** CPUID leaf 1, ECX: XGETBV and XSAVE can be used. */
const OSXSAVE: u32 = 1 << 27;
const LEAF_STATE: i32 = 0xd;

const frame = memory.data(512);
/** Extended state of a new frame, before the thread writes it. */
const blank = memory.data(STATE_MAX);
const software = memory.data(SOFTWARE_BYTES);

let codePage: usize = 0;
/** Components that XSAVE keeps, or 0 where there is FXSAVE alone; and the bytes of all. */
let components: u32 = 0;
let stateBytes: u32 = LEGACY_BYTES;

/** Components that XSAVE keeps, 0 where there is FXSAVE alone. */
export function savedComponents(): u32 {
  return components;
}

/** Bytes of the extended state. */
export function savedBytes(): u32 {
  return stateBytes;
}

/** How far the components in `wanted` reach, in the standard format. */
function reach(wanted: u32): u32 {
  const out = memory.data(16);
  let end: u32 = HEADER_END;
  for (let i: u32 = 2; i < 32; i++) {
    if ((wanted & ((1 as u32) << i)) === 0) continue;
    cpuid(LEAF_STATE, i as i32, out);
    end = max<u32>(end, load<u32>(out, 4) + load<u32>(out));
  }
  return end;
}

/** Prepares the page that all programs share. False when memory is out. */
export function initSignalFrames(): bool {
  const out = memory.data(16);
  cpuid(1, 0, out);
  if ((load<u32>(out, 8) & OSXSAVE) !== 0) {
    cpuid(LEAF_STATE, 0, out);
    components = load<u32>(out) & COMPONENTS;
    stateBytes = reach(components);
    if (stateBytes > STATE_MAX - MAGIC2_BYTES) {
      components &= 3;
      stateBytes = HEADER_END;
    }
    store<u32>(blank + SOFTWARE, MAGIC1);
    store<u32>(blank + SOFTWARE + 4, stateBytes + MAGIC2_BYTES);
    store<u64>(blank + SOFTWARE + 8, components as u64);
    store<u32>(blank + SOFTWARE + 16, stateBytes);
    store<u32>(blank + stateBytes, MAGIC2);
  }
  codePage = allocatePages(0);
  if (codePage === 0) return false;
  const from = signal_code() as usize;
  memory.copy(codePage, from, (signal_code_end() as usize) - from);
  return true;
}

/** Gives a Linux program the code around its handlers. False when memory is out. */
export function giveSignalCode(program: Program): bool {
  if (block(program.space, SIGNAL_PAGE, SIGNAL_PAGE + PAGE_SIZE) !== 0) return false;
  mirror(program.space, SIGNAL_PAGE, codePage as u64, 1, MEM_R | MEM_X);
  return true;
}

function place(symbol: u64): u64 {
  return (SIGNAL_PAGE as u64) + (symbol - signal_code());
}

function fillFrame(own: LinuxThread, regs: Utcb, restorer: u64, mask: u64, state: u64): void {
  memory.fill(frame, 0, FRAME_BYTES);
  store<u64>(frame, restorer);
  const context = frame + FRAME_CONTEXT;
  store<u64>(context, UC_SEGMENTS | (components === 0 ? 0 : UC_FP_XSTATE));
  fillStack(own, context + CONTEXT_STACK);
  const words = context + CONTEXT_REGISTERS;
  store<u64>(words, regs.r8);
  store<u64>(words + 8, regs.r9);
  store<u64>(words + 16, regs.r10);
  store<u64>(words + 24, regs.r11);
  store<u64>(words + 32, regs.r12);
  store<u64>(words + 40, regs.r13);
  store<u64>(words + 48, regs.r14);
  store<u64>(words + 56, regs.r15);
  store<u64>(words + 64, regs.rdi);
  store<u64>(words + 72, regs.rsi);
  store<u64>(words + 80, regs.rbp);
  store<u64>(words + 88, regs.rbx);
  store<u64>(words + 96, regs.rdx);
  store<u64>(words + 104, regs.rax);
  store<u64>(words + 112, regs.rcx);
  store<u64>(words + 120, regs.rsp);
  store<u64>(words + 128, regs.rip);
  store<u64>(words + 136, regs.rflags);
  store<u64>(words + 144, CS_SELECTORS);
  store<u64>(words + 152, own.trapError);
  store<u64>(words + 160, own.trap);
  store<u64>(words + 168, mask);
  store<u64>(words + 176, own.faultAddress);
  store<u64>(context + CONTEXT_STATE, state);
  store<u64>(context + CONTEXT_MASK, mask);
}

/**
 * Puts the frame of `signal` on the stack of `thread`, or on its `alternate` one, and makes its registers those with
 * which the handler of `action` begins, told of `signalInfo`; `mask` is what the handler's end sets. False: the stack has
 * no room.
 */
export function pushFrame(
  thread: Thread,
  regs: Utcb,
  action: usize,
  alternate: bool,
  mask: u64,
  signal: u32,
): bool {
  const own = linuxThread(thread);
  const space = thread.program.space;
  const nested = onAlternate(own, regs.rsp);
  const changes = alternate && own.stackSize !== 0 && !nested;
  const top = changes ? own.stackBase + own.stackSize : regs.rsp - RED_ZONE;
  const bytes = components === 0 ? stateBytes : stateBytes + MAGIC2_BYTES;
  const state = (top - (bytes as u64)) & ~(STATE_ALIGN - 1);
  const at = ((state - (FRAME_BYTES as u64)) & ~(15 as u64)) - 8;
  // A handler that fills the alternate stack must not write below it.
  if ((nested || changes) && !within(own, at)) return false;
  fillFrame(own, regs, load<u64>(action + 16), mask, state);
  memory.copy(frame + FRAME_INFO, signalInfo, INFO_BYTES);
  if (!copyTo(space, at, frame, FRAME_BYTES) || !copyTo(space, state, blank, bytes)) return false;
  regs.rip = place(signal_enter());
  regs.r11 = load<u64>(action);
  regs.rcx = state;
  regs.rax = components as u64;
  regs.rsp = at;
  regs.rdi = signal as u64;
  regs.rsi = at + (FRAME_INFO as u64);
  regs.rdx = at + (FRAME_CONTEXT as u64);
  regs.rflags &= ~(RFLAGS_TF | RFLAGS_DF);
  regs.mtd = ALL_REGISTERS;
  return true;
}

/** Components of the extended state at `state` that XRSTOR can take, 0 where it is FXSAVE's. */
function componentsAt(thread: Thread, state: u64): u32 {
  const space = thread.program.space;
  if (!copyFrom(space, software, state + (SOFTWARE as u64), SOFTWARE_BYTES)) return 0;
  const size = load<u32>(software + 16);
  if (load<u32>(software) !== MAGIC1 || size < HEADER_END || size > stateBytes) return 0;
  if (load<u32>(software + 4) < size) return 0;
  const kept = load<u32>(software + 8) & components;
  if (!copyFrom(space, software, state + (size as u64), MAGIC2_BYTES)) return 0;
  return load<u32>(software) === MAGIC2 ? kept : 0;
}

/**
 * A handler has returned, RSP is at its context: the extended state from there is loaded next. False where there is no
 * context. What cannot be loaded is an exception in the code that does it.
 */
export function leaveHandler(thread: Thread, regs: Utcb): bool {
  const context = frame + FRAME_CONTEXT;
  if (!copyFrom(thread.program.space, context, regs.rsp, CONTEXT_MASK + 8)) return false;
  const state = load<u64>(context + CONTEXT_STATE);
  regs.r11 = components as u64;
  if (state === 0) {
    regs.rcx = place(signal_initial());
    regs.rax = components as u64;
  } else {
    regs.rcx = state;
    regs.rax = componentsAt(thread, state) as u64;
  }
  regs.rip = place(signal_leave());
  regs.rflags = (regs.rflags & ~(RFLAGS_TF | RFLAGS_DF)) | RFLAGS_FIXED;
  regs.mtd = ALL_REGISTERS;
  return true;
}

/** A thread at RIP is on its way into a handler: where it faults, its extended state has found no room in the frame. */
export function isEntering(rip: u64): bool {
  return rip >= place(signal_enter()) && rip < place(signal_leave());
}

/** The thread, which is entering a handler, has its registers from before again. False where the frame cannot be read. */
export function undoEntry(thread: Thread, regs: Utcb): bool {
  regs.rsp += FRAME_CONTEXT;
  return popFrame(thread, regs);
}

/** RIP is in the code around handlers. */
export function isSignalCode(rip: u64): bool {
  return rip - (SIGNAL_PAGE as u64) < (PAGE_SIZE as u64);
}

/** An invalid instruction at RIP says that the thread has its extended state. */
export function hasLeft(rip: u64): bool {
  return rip === place(signal_left());
}

/** Signals that are to be blocked behind the frame that `popFrame` has read. */
export let poppedMask: u64 = 0;

/** The general registers become those of the context at RSP, and the alternate stack its. False where there is none. */
export function popFrame(thread: Thread, regs: Utcb): bool {
  const context = frame + FRAME_CONTEXT;
  if (!copyFrom(thread.program.space, context, regs.rsp, CONTEXT_MASK + 8)) return false;
  // What cannot be set stays as it is.
  setStack(linuxThread(thread), context + CONTEXT_STACK, regs.rsp);
  const words = context + CONTEXT_REGISTERS;
  regs.r8 = load<u64>(words);
  regs.r9 = load<u64>(words + 8);
  regs.r10 = load<u64>(words + 16);
  regs.r11 = load<u64>(words + 24);
  regs.r12 = load<u64>(words + 32);
  regs.r13 = load<u64>(words + 40);
  regs.r14 = load<u64>(words + 48);
  regs.r15 = load<u64>(words + 56);
  regs.rdi = load<u64>(words + 64);
  regs.rsi = load<u64>(words + 72);
  regs.rbp = load<u64>(words + 80);
  regs.rbx = load<u64>(words + 88);
  regs.rdx = load<u64>(words + 96);
  regs.rax = load<u64>(words + 104);
  regs.rcx = load<u64>(words + 112);
  regs.rsp = load<u64>(words + 120);
  regs.rip = load<u64>(words + 128);
  regs.rflags = (regs.rflags & ~USER_FLAGS) | (load<u64>(words + 136) & USER_FLAGS) | RFLAGS_FIXED;
  regs.mtd = ALL_REGISTERS;
  poppedMask = load<u64>(context + CONTEXT_MASK);
  return true;
}
