// Registers of a tracee that stands in a stop: struct user word by word (PTRACE_PEEKUSR), general and floating-point registers as
// a whole, and as sets of notes (PTRACE_GETREGSET). Left out: debug registers, which the kernel's interface does not have: all
// breakpoints of the processor are in use.

import { SPACE_END } from "../../libroottask/areas";
import { EFAULT, EINVAL, EIO, ENOSPC } from "../../libroottask/errno";
import { Thread } from "../../libroottask/program";
import { copyFrom, copyTo, get64, got, put64 } from "../../libroottask/space";
import { readState, writeState, xsaveBytes } from "../extended_state";
import { savedComponents } from "../signal_frame";
import {
  copyUserRegisters,
  setUserRegister,
  setUserRegisters,
  USER_REGISTERS_BYTES,
  userRegister,
} from "../user_registers";

/** struct user, and its debug registers. */
const USER_BYTES: u64 = 928;
const DEBUG_REGISTERS: u64 = 848;
const DEBUG_END: u64 = 912;
const DEBUG_STATUS: u64 = 6;
const DEBUG_CONTROL: u64 = 7;
/** Enables of DR7: two bits for each of four breakpoints. */
const ENABLES: u64 = 0xff;

const NT_PRSTATUS: u64 = 1;
const NT_PRFPREG: u64 = 2;
const NT_X86_XSTATE: u64 = 0x202;
export const FXSAVE_BYTES: u32 = 512;
const MXCSR: usize = 24;
const MXCSR_MASK: u32 = 0xffff;
/** The header of XSAVE: which components there are; the rest is 0. */
const HEADER: usize = 512;
const HEADER_BYTES: u32 = 64;
const WORD: u64 = 8;

const buffer = memory.data(4096, 64);

/** PTRACE_PEEKUSR: to `data` of the tracer. */
export function peekUser(tracer: Thread, thread: Thread, at: u64, data: u64): i64 {
  if ((at & 7) !== 0 || at >= USER_BYTES) return -EIO;
  const general = at < (USER_REGISTERS_BYTES as u64);
  const value: u64 = general ? userRegister(thread, thread.utcb, (at >> 3) as u32) : 0;
  return put64(tracer.program.space, data, value) ? 0 : -EFAULT;
}

/** PTRACE_POKEUSR. */
export function pokeUser(thread: Thread, at: u64, value: u64): i64 {
  if ((at & 7) !== 0 || at >= USER_BYTES) return -EIO;
  if (at < (USER_REGISTERS_BYTES as u64)) {
    return setUserRegister(thread, thread.utcb, (at >> 3) as u32, value);
  }
  if (at < DEBUG_REGISTERS || at >= DEBUG_END) return -EIO;
  const register = (at - DEBUG_REGISTERS) >> 3;
  if (register === DEBUG_STATUS) return 0;
  if (register === DEBUG_CONTROL) return (value & ENABLES) === 0 ? 0 : -ENOSPC;
  if (register >= 4) return -EIO;
  return value >= SPACE_END ? -EINVAL : -ENOSPC;
}

/** PTRACE_GETREGS. */
export function getRegisters(tracer: Thread, thread: Thread, data: u64): i64 {
  copyUserRegisters(thread, thread.utcb, buffer);
  return copyTo(tracer.program.space, data, buffer, USER_REGISTERS_BYTES) ? 0 : -EFAULT;
}

/** PTRACE_SETREGS. */
export function setRegisters(tracer: Thread, thread: Thread, data: u64): i64 {
  if (!copyFrom(tracer.program.space, buffer, data, USER_REGISTERS_BYTES)) return -EFAULT;
  return setUserRegisters(thread, thread.utcb, buffer, USER_REGISTERS_BYTES / 8);
}

/** PTRACE_GETFPREGS. */
export function getFloats(tracer: Thread, thread: Thread, data: u64): i64 {
  const state = readState(thread, tracer.processor);
  if (state === 0) return -EIO;
  return copyTo(tracer.program.space, data, state, FXSAVE_BYTES) ? 0 : -EFAULT;
}

/** The first `bytes` of the extended state of `thread` become what is in `buffer`: 0 or a negative error. */
function setState(tracer: Thread, thread: Thread, bytes: u32): i64 {
  const state = readState(thread, tracer.processor);
  if (state === 0) return -EIO;
  if ((load<u32>(buffer + MXCSR) & ~MXCSR_MASK) !== 0) return -EINVAL;
  memory.copy(state, buffer, bytes);
  const components = savedComponents();
  if (components !== 0) {
    if (bytes <= FXSAVE_BYTES) {
      store<u64>(state + HEADER, load<u64>(state + HEADER) | 3);
    } else if ((load<u64>(state + HEADER) & ~(components as u64)) !== 0) {
      return -EINVAL;
    } else {
      for (let at: u32 = 8; at < HEADER_BYTES; at += 8) {
        if (load<u64>(state + HEADER + at) !== 0) return -EINVAL;
      }
    }
  }
  return writeState(thread, tracer.processor) ? 0 : -EIO;
}

/** PTRACE_SETFPREGS. */
export function setFloats(tracer: Thread, thread: Thread, data: u64): i64 {
  if (!copyFrom(tracer.program.space, buffer, data, FXSAVE_BYTES)) return -EFAULT;
  return setState(tracer, thread, FXSAVE_BYTES);
}

/** Bytes of the register set of notes of `type`, 0 where there is none. */
function setBytes(type: u64): u32 {
  if (type === NT_PRSTATUS) return USER_REGISTERS_BYTES;
  if (type === NT_PRFPREG) return FXSAVE_BYTES;
  return type === NT_X86_XSTATE ? xsaveBytes() : 0;
}

/** Where struct iovec of a register set has room, and how much. */
let place: u64 = 0;
let length: u64 = 0;

/** Reads struct iovec at `vector` for the set of `type`: 0 or a negative error. */
function readVector(tracer: Thread, type: u64, vector: u64): i64 {
  const space = tracer.program.space;
  if (!get64(space, vector)) return -EFAULT;
  place = got;
  if (!get64(space, vector + 8)) return -EFAULT;
  length = got;
  const bytes = setBytes(type);
  if (bytes === 0 || length % WORD !== 0) return -EINVAL;
  length = min<u64>(length, bytes as u64);
  return 0;
}

/** PTRACE_GETREGSET. */
export function getSet(tracer: Thread, thread: Thread, type: u64, vector: u64): i64 {
  const error = readVector(tracer, type, vector);
  if (error !== 0) return error;
  let from: usize = buffer;
  if (type === NT_PRSTATUS) copyUserRegisters(thread, thread.utcb, buffer);
  else from = readState(thread, tracer.processor);
  if (from === 0) return -EIO;
  const space = tracer.program.space;
  if (!copyTo(space, place, from, length as u32)) return -EFAULT;
  return put64(space, vector + 8, length) ? 0 : -EFAULT;
}

/** PTRACE_SETREGSET. */
export function setSet(tracer: Thread, thread: Thread, type: u64, vector: u64): i64 {
  let error = readVector(tracer, type, vector);
  if (error !== 0) return error;
  const space = tracer.program.space;
  if (!copyFrom(space, buffer, place, length as u32)) return -EFAULT;
  if (type === NT_PRSTATUS) {
    error = setUserRegisters(thread, thread.utcb, buffer, (length / WORD) as u32);
  } else {
    if (length !== (setBytes(type) as u64)) {
      // What is left out stays.
      if (type === NT_X86_XSTATE) return -EFAULT;
      const state = readState(thread, tracer.processor);
      if (state === 0) return -EIO;
      memory.copy(
        buffer + (length as u32),
        state + (length as u32),
        FXSAVE_BYTES - (length as u32),
      );
    }
    error = setState(tracer, thread, setBytes(type));
  }
  if (error !== 0) return error;
  return put64(space, vector + 8, length) ? 0 : -EFAULT;
}
