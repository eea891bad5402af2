// Call frame information of the entry stubs: from kernel code back to what was interrupted or made the system call.
// The CFA of an entry is the end of the CPU's interrupt frame (Intel SDM vol. 3A, 6.14.2), which in the EC is the end of
// its register frame (layout.ts). DWARF 4, 6.4; DWARF register numbers are those of the AMD64 psABI, figure 3.36.

import {
  type FrameState,
  frameRegister,
  RETURN_ADDRESS,
  type Reg,
  r11,
  rcx,
  rsp,
} from "../../tools/asm/index.ts";
import type { RegisterRule } from "../../tools/elf/index.ts";
import { CPU_EC, EC_REGS, FRAME_SIZE } from "../layout.ts";

/** From an EC to the end of its register frame. */
const FRAME_END = EC_REGS + FRAME_SIZE;

const RFLAGS = 49;
/** From the CFA: RIP, RFLAGS and RSP of the interrupt frame, behind them error code, vector and the general registers. */
const RIP_OFFSET = -40;
const RFLAGS_OFFSET = -24;
const RSP_OFFSET = -16;
const REGISTERS_OFFSET = -64;

const INTERRUPTED: [number, RegisterRule][] = [
  [RETURN_ADDRESS, { offset: RIP_OFFSET }],
  [RFLAGS, { offset: RFLAGS_OFFSET }],
  [frameRegister(rsp), { offset: RSP_OFFSET }],
];

/** The CPU's interrupt frame lies `above` bytes above RSP. */
export function interruptFrame(above = 0): FrameState {
  const cfa = { register: frameRegister(rsp), offset: above + 40 };
  return { cfa, rules: new Map(INTERRUPTED), signal: true };
}

/** SYSCALL's: nothing is stored, `rip` and `stack` hold the user's RIP and RSP. */
export function systemCallFrame(rip: Reg, stack: Reg): FrameState {
  const rules = new Map<number, RegisterRule>([
    [RETURN_ADDRESS, { register: frameRegister(rip) }],
    [frameRegister(rsp), { register: frameRegister(stack) }],
  ]);
  return { cfa: { register: frameRegister(rsp), offset: 0 }, rules, signal: true };
}

/** Where an EC's frame has the user's RIP and RSP: in the interrupt frame, or where SYSCALL leaves RCX and R11. */
export type FrameKind = "interrupt" | "syscall";

/** RSP is at the EC, whose register frame holds `registers`; places are those of `order`, downwards from RAX. */
export function userFrame(
  order: readonly Reg[],
  kind: FrameKind,
  registers: readonly Reg[] = order,
): FrameState {
  const place = (register: Reg) => ({ offset: REGISTERS_OFFSET - order.indexOf(register) * 8 });
  const rules = new Map<number, RegisterRule>(INTERRUPTED);
  for (const register of registers) {
    if (register !== rsp) rules.set(frameRegister(register), place(register));
  }
  if (kind === "syscall") {
    rules.delete(RFLAGS);
    rules.set(RETURN_ADDRESS, place(rcx));
    rules.set(frameRegister(rsp), place(r11));
  }
  return { cfa: { register: frameRegister(rsp), offset: FRAME_END }, rules, signal: true };
}

/** The same on the CPU's stack, whose last word is the address of the per-CPU area: the current EC's frame. */
export function entryFrame(...parts: Parameters<typeof userFrame>): FrameState {
  const DEREFERENCE = 0x06;
  const PLUS_UCONST = 0x23;
  const RSP_VALUE = [0x77, 0];
  const frame = [...RSP_VALUE, DEREFERENCE, PLUS_UCONST, CPU_EC, DEREFERENCE];
  const size = [(FRAME_END & 0x7f) | 0x80, FRAME_END >> 7];
  return { ...userFrame(...parts), cfa: { expression: [...frame, PLUS_UCONST, ...size] } };
}
