// The alternate stack of a thread's signal handlers: sigaltstack(2).

import { Utcb } from "../libhedron/utcb";
import { EFAULT, EINVAL, ENOMEM, EPERM } from "../libroottask/errno";
import { Thread } from "../libroottask/program";
import { copyFrom, copyTo } from "../libroottask/space";
import { LinuxThread, linuxThread, SS_DISABLE } from "./state";

const SS_ONSTACK: u32 = 1;
/** A handler that enters the stack leaves none behind, until it ends. */
const SS_AUTODISARM: u32 = 1 << 31;

const MINSIGSTKSZ: u64 = 2048;

/** stack_t: address, flags, size. */
export const STACK_BYTES: u32 = 24;
const FLAGS: usize = 8;
const SIZE: usize = 16;

const stack = memory.data(24);
const old = memory.data(24);

/** RSP is on the alternate stack, and that is not one that would have been left. */
export function onAlternate(own: LinuxThread, rsp: u64): bool {
  return (own.stackFlags & SS_AUTODISARM) === 0 && within(own, rsp);
}

/** `address` is on the alternate stack. */
export function within(own: LinuxThread, address: u64): bool {
  return own.stackSize !== 0 && address > own.stackBase && address - own.stackBase <= own.stackSize;
}

/** Makes the stack_t at `at` that of `own`, as handlers find it in their frames. */
export function fillStack(own: LinuxThread, at: usize): void {
  memory.fill(at, 0, STACK_BYTES);
  store<u64>(at, own.stackBase);
  store<u32>(at + FLAGS, own.stackFlags);
  store<u64>(at + SIZE, own.stackSize);
}

/** A handler of `own` has been entered. */
export function leaveStack(own: LinuxThread): void {
  if ((own.stackFlags & SS_AUTODISARM) === 0) return;
  own.stackBase = 0;
  own.stackSize = 0;
  own.stackFlags = SS_DISABLE;
}

/** The stack_t at `at` is that of `own`, whose stack pointer is `rsp`. Returns 0 or a negative error. */
export function setStack(own: LinuxThread, at: usize, rsp: u64): i64 {
  if (onAlternate(own, rsp)) return -EPERM;
  const flags = load<u32>(at + FLAGS);
  const mode = flags & ~SS_AUTODISARM;
  if (mode !== SS_DISABLE && mode !== SS_ONSTACK && mode !== 0) return -EINVAL;
  const base = load<u64>(at);
  const size = load<u64>(at + SIZE);
  // What changes nothing is right whatever it is: none is left of a stack by execve(2) but its flags.
  if (base === own.stackBase && size === own.stackSize && flags === own.stackFlags) return 0;
  const disabled = mode === SS_DISABLE;
  if (!disabled && size < MINSIGSTKSZ) return -ENOMEM;
  own.stackBase = disabled ? 0 : base;
  own.stackSize = disabled ? 0 : size;
  own.stackFlags = flags;
  return 0;
}

/** sigaltstack(new, old). */
export function sysSigaltstack(thread: Thread, regs: Utcb): i64 {
  const own = linuxThread(thread);
  const space = thread.program.space;
  const state = own.stackSize === 0 ? SS_DISABLE : onAlternate(own, regs.rsp) ? SS_ONSTACK : 0;
  fillStack(own, old);
  store<u32>(old + FLAGS, state | (own.stackFlags & SS_AUTODISARM));
  if (regs.rdi !== 0) {
    if (!copyFrom(space, stack, regs.rdi, STACK_BYTES)) return -EFAULT;
    const error = setStack(own, stack, regs.rsp);
    if (error !== 0) return error;
  }
  return regs.rsi !== 0 && !copyTo(space, regs.rsi, old, STACK_BYTES) ? -EFAULT : 0;
}
