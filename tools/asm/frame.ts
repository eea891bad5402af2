// Call frame information of hand-written code: what the CFA and the registers' rules are is stated where code begins and
// where RSP moves in a way only its author understands; pushes, pops and additions to RSP are followed. DWARF 4, 6.4.

import type { CallFrame, CfaRule, FrameRow, RegisterRule } from "../elf/index.ts";
import { dwarfRegister } from "../elf/index.ts";
import type { Operand, Reg } from "./operands.ts";

/** Bytes of a word on the stack in 64-bit code. */
const WORD = 8;

/** Registers by name in encoding order. */
const ORDER = ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"];

/** DWARF's number of a 64-bit general register. */
export function frameRegister(register: Reg): number {
  const index = ORDER.indexOf(register.name);
  return dwarfRegister(index >= 0 ? index : Number(register.name.slice(1)));
}

/** DWARF's number of the return address. */
export const RETURN_ADDRESS = 16;
const RSP = dwarfRegister(ORDER.indexOf("rsp"));

/** What holds before the next instruction. Register numbers are DWARF's. */
export interface FrameState {
  cfa: CfaRule;
  rules: ReadonlyMap<number, RegisterRule>;
  /** The code was interrupted, not called: its return address is the next instruction itself. */
  signal: boolean;
}

/** A function that was called: the return address is all there is on the stack. */
export const CALLED: FrameState = {
  cfa: { register: RSP, offset: WORD },
  rules: new Map([[RETURN_ADDRESS, { offset: -WORD }]]),
  signal: false,
};

/** Code that nobody called: unwinding ends here. */
export const OUTERMOST: FrameState = {
  cfa: { register: RSP, offset: WORD },
  rules: new Map([[RETURN_ADDRESS, "undefined"]]),
  signal: false,
};

function isRegister(operand: Operand | undefined): operand is Reg {
  return typeof operand === "object" && operand.kind === "register";
}

/** Bytes that an instruction adds to RSP, as far as its operands say. */
function movement(mnemonic: string, operands: readonly Operand[]): number {
  const [target, source] = operands;
  if (mnemonic.startsWith("push")) return -WORD;
  if (mnemonic.startsWith("pop")) return WORD;
  if (!isRegister(target) || target.name !== "rsp") return 0;
  if (mnemonic === "add" && typeof source === "number") return source;
  if (mnemonic === "sub" && typeof source === "number") return -source;
  if (mnemonic !== "lea" || typeof source !== "object" || source.kind !== "memory") return 0;
  const { base, index, displacement } = source;
  return base?.name === "rsp" && !index && typeof displacement === "number" ? displacement : 0;
}

/** The state behind an instruction. */
export function follow(state: FrameState, name: string, operands: readonly Operand[]): FrameState {
  const { cfa, rules } = state;
  if ("expression" in cfa || cfa.register !== RSP) return state;
  const mnemonic = name.toLowerCase();
  const delta = movement(mnemonic, operands);
  if (delta === 0) return state;
  const offset = cfa.offset - delta;
  const next = new Map(rules);
  const [operand] = operands;
  if (isRegister(operand) && operand.class === "r64") {
    const register = frameRegister(operand);
    const rule = next.get(register);
    if (mnemonic === "push" && rule === undefined) next.set(register, { offset: -offset });
    else if (mnemonic === "pop" && typeof rule === "object" && "offset" in rule)
      next.delete(register);
  }
  return { ...state, cfa: { register: RSP, offset }, rules: next };
}

/** Frames of a section from its states in order of code; undefined ends one. */
export function framesOf(
  section: number,
  size: number,
  states: readonly { offset: number; state: FrameState | undefined }[],
): CallFrame[] {
  const frames: CallFrame[] = [];
  let open: (CallFrame & { rows: FrameRow[] }) | undefined;
  const close = (end: number): void => {
    if (open && end > open.start) frames.push({ ...open, end });
    open = undefined;
  };
  for (const { offset, state } of states) {
    if (!state || (open && open.signal !== state.signal)) close(offset);
    if (!state) continue;
    const { cfa, rules, signal } = state;
    open ??= { section, start: offset, end: offset, signal, rows: [] };
    if (open.rows.at(-1)?.offset === offset) open.rows.pop();
    open.rows.push({ offset, cfa, rules });
  }
  close(size);
  return frames;
}
