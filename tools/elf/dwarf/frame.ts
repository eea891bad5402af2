// Call frame information: rows of rules per piece of code become a .debug_frame section (DWARF 4, 6.4) or an
// .eh_frame section (Linux Standard Base 5.0, 10.6.1). Register numbers are those of the AMD64 psABI, figure 3.36.

import type { CfaRule, FrameRow, RegisterRule } from "../object.ts";
import { Bytes } from "./bytes.ts";

/** A piece of code where the linker put it; offsets of its rows count from `address`. */
export interface PlacedFrame {
  address: bigint;
  size: number;
  signal: boolean;
  rows: FrameRow[];
}

/** Column of the return address, and the stack pointer. */
const RETURN_ADDRESS = 16;
const RSP = 7;
const CODE_ALIGN = 1;
/** Registers are saved in words of 8 bytes, downwards. */
const DATA_ALIGN = -8;

const Cfa = {
  advanceLoc: 0x40,
  offset: 0x80,
  restore: 0xc0,
  advanceLoc1: 0x02,
  advanceLoc2: 0x03,
  advanceLoc4: 0x04,
  undefined: 0x07,
  register: 0x09,
  rememberState: 0x0a,
  restoreState: 0x0b,
  defCfa: 0x0c,
  defCfaRegister: 0x0d,
  defCfaOffset: 0x0e,
  defCfaExpression: 0x0f,
  offsetExtendedSf: 0x11,
  valOffsetSf: 0x15,
} as const;

/** What holds at a function's first instruction: only the return address is on the stack. */
const ENTRY: Pick<FrameRow, "cfa" | "rules"> = {
  cfa: { register: RSP, offset: 8 },
  rules: new Map([[RETURN_ADDRESS, { offset: -8 }]]),
};

/** The `.debug_frame` of the frames; a CIE for calls and, where needed, one for interrupted code. */
export function debugFrame(frames: PlacedFrame[], addressSize: 4 | 8): Bytes {
  const out = new Bytes(addressSize);
  for (const signal of [false, true]) {
    const chosen = frames.filter((frame) => frame.signal === signal);
    if (chosen.length === 0) continue;
    const cie = out.length;
    const body = new Bytes(addressSize).u32(0xffff_ffff).u8(4);
    // Version 4 tells the sizes of addresses and segment selectors.
    body
      .text(signal ? "S" : "")
      .u8(addressSize)
      .u8(0);
    body.uleb(CODE_ALIGN).sleb(DATA_ALIGN).uleb(RETURN_ADDRESS);
    appendEntryRules(body);
    appendEntry(out, body, addressSize);
    for (const frame of chosen) {
      const fde = new Bytes(addressSize).sectionOffset(".debug_frame", cie);
      fde.address(frame.address).word(BigInt(frame.size));
      appendRows(fde, frame);
      appendEntry(out, fde, addressSize);
    }
  }
  return out;
}

/** The same as `.eh_frame`: addresses are relative to their field, as gcc writes them. For 64-bit objects. */
export function ehFrame(frames: PlacedFrame[]): Bytes {
  const out = new Bytes(8);
  /** DW_EH_PE_pcrel | DW_EH_PE_sdata4 */
  const RELATIVE = 0x1b;
  for (const signal of [false, true]) {
    const chosen = frames.filter((frame) => frame.signal === signal);
    if (chosen.length === 0) continue;
    const cie = out.length;
    const body = new Bytes(8)
      .u32(0)
      .u8(1)
      .text(signal ? "zRS" : "zR");
    body.uleb(CODE_ALIGN).sleb(DATA_ALIGN).uleb(RETURN_ADDRESS).uleb(1).u8(RELATIVE);
    appendEntryRules(body);
    appendEntry(out, body, 8);
    for (const frame of chosen) {
      const start = out.length;
      const fde = new Bytes(8)
        .u32(start + 4 - cie)
        .relativeAddress(frame.address)
        .u32(frame.size);
      fde.uleb(0);
      appendRows(fde, frame);
      appendEntry(out, fde, 8);
    }
  }
  return out.length === 0 ? out : out.u32(0);
}

function appendEntryRules(out: Bytes): void {
  out.u8(Cfa.defCfa).uleb(RSP).uleb(8);
  out.u8(Cfa.offset | RETURN_ADDRESS).uleb(1);
}

/** Length, content and padding with DW_CFA_nop. */
function appendEntry(out: Bytes, content: Bytes, addressSize: 4 | 8): void {
  while ((content.length + 4) % addressSize !== 0) content.u8(0);
  out.u32(content.length).append(content);
}

function appendRows(out: Bytes, { rows: all }: PlacedFrame): void {
  const rows = all.filter((row, i) => !same(all[i - 1] ?? ENTRY, row));
  let offset = 0;
  let before = ENTRY;
  /** A state to come back to is remembered once: behind each epilogue the function's body goes on. */
  let remembered: FrameRow | undefined;
  rows.forEach((row, i) => {
    if (row.offset !== offset) appendAdvance(out, row.offset - offset);
    offset = row.offset;
    if (remembered && same(remembered, row)) {
      out.u8(Cfa.restoreState);
      // Restoring takes the state off its stack.
      if (rows.slice(i + 1).some((later) => same(later, row))) out.u8(Cfa.rememberState);
      else remembered = undefined;
    } else {
      appendDifference(out, before, row);
      if (!remembered && rows.slice(i + 2).some((later) => same(later, row))) {
        remembered = row;
        out.u8(Cfa.rememberState);
      }
    }
    before = row;
  });
}

function appendAdvance(out: Bytes, delta: number): void {
  if (delta < 0x40) out.u8(Cfa.advanceLoc | delta);
  else if (delta < 0x100) out.u8(Cfa.advanceLoc1).u8(delta);
  else if (delta < 0x1_0000) out.u8(Cfa.advanceLoc2).u16(delta);
  else out.u8(Cfa.advanceLoc4).u32(delta);
}

type State = Pick<FrameRow, "cfa" | "rules">;

function appendDifference(out: Bytes, from: State, to: State): void {
  appendCfa(out, from.cfa, to.cfa);
  for (const register of from.rules.keys()) {
    if (to.rules.has(register)) continue;
    // A register without a rule keeps its value; what the CIE says does not count for entry points.
    if (register === RETURN_ADDRESS) throw new Error("a call frame without a return address");
    out.u8(Cfa.restore | register);
  }
  for (const [register, rule] of to.rules) {
    if (!sameRule(from.rules.get(register), rule)) appendRule(out, register, rule);
  }
}

function appendCfa(out: Bytes, from: CfaRule, to: CfaRule): void {
  if (sameCfa(from, to)) return;
  if ("expression" in to) {
    out.u8(Cfa.defCfaExpression).uleb(to.expression.length);
    for (const byte of to.expression) out.u8(byte);
  } else if ("expression" in from || (from.register !== to.register && from.offset !== to.offset))
    out.u8(Cfa.defCfa).uleb(to.register).uleb(to.offset);
  else if (from.register !== to.register) out.u8(Cfa.defCfaRegister).uleb(to.register);
  else out.u8(Cfa.defCfaOffset).uleb(to.offset);
}

function appendRule(out: Bytes, register: number, rule: RegisterRule): void {
  if (rule === "undefined") out.u8(Cfa.undefined).uleb(register);
  else if ("register" in rule) out.u8(Cfa.register).uleb(register).uleb(rule.register);
  else if ("value" in rule)
    out
      .u8(Cfa.valOffsetSf)
      .uleb(register)
      .sleb(rule.value / DATA_ALIGN);
  else if (rule.offset <= 0) out.u8(Cfa.offset | register).uleb(rule.offset / DATA_ALIGN);
  else
    out
      .u8(Cfa.offsetExtendedSf)
      .uleb(register)
      .sleb(rule.offset / DATA_ALIGN);
}

function same(a: State, b: State): boolean {
  if (!sameCfa(a.cfa, b.cfa) || a.rules.size !== b.rules.size) return false;
  for (const [register, rule] of a.rules) {
    if (!sameRule(b.rules.get(register), rule)) return false;
  }
  return true;
}

function sameCfa(a: CfaRule, b: CfaRule): boolean {
  if ("expression" in a || "expression" in b)
    return (
      "expression" in a &&
      "expression" in b &&
      a.expression.length === b.expression.length &&
      a.expression.every((byte, i) => byte === b.expression[i])
    );
  return a.register === b.register && a.offset === b.offset;
}

function sameRule(a: RegisterRule | undefined, b: RegisterRule): boolean {
  if (a === undefined || a === "undefined" || b === "undefined") return a === b;
  return (
    ("offset" in a && "offset" in b && a.offset === b.offset) ||
    ("register" in a && "register" in b && a.register === b.register) ||
    ("value" in a && "value" in b && a.value === b.value)
  );
}
