// Compares the state that the host CPU and the emulator reached from the same snippet. What the manual
// leaves undefined is masked: flags of RflagsUndefined, and the last bits of approximations.

import { Decoder, Mnemonic } from "iced-x86";
import { GENERAL_NAMES } from "../platform/cpu-access.ts";
import { type TestCase, windowOffset } from "./generate.ts";
import { CODE_SIZE, Field, Memory, type StateRecord } from "./record.ts";

/** The parts of a `TestCase` that comparing needs; recorded vectors carry the same. */
export type Expectation = Pick<TestCase, "undefinedFlags" | "undefinedFsw" | "tolerance">;

/** RFLAGS compared: status flags, TF, DF, NT, AC, ID and RF. */
const RFLAGS_COMPARED = 0x0025_7dd5;
/** Vectors that push an error code a user can see in the signal frame. */
const VECTORS_WITH_ERROR = new Set([8, 10, 11, 12, 13, 14, 17]);

const PAGE = 0xfffn;
/**
 * Which byte CR2 tells of an operand of 14 to 108 bytes that goes on into a page which is not there the manuals do not say:
 * AMD's processors tell the operand's last one.
 */
const ENVIRONMENTS: ReadonlySet<Mnemonic> = new Set([
  Mnemonic.Fldenv,
  Mnemonic.Fnstenv,
  Mnemonic.Frstor,
  Mnemonic.Fnsave,
]);

/** Whether two records of the same page fault differ in what is told of its address. */
function differInAddress(host: StateRecord, emulator: StateRecord): boolean {
  const [there, here] = [host.u64(Field.cr2), emulator.u64(Field.cr2)];
  if (there === here) return false;
  if ((there | PAGE) !== (here | PAGE)) return true;
  const at = Number(emulator.u64(Field.rip)) - emulator.u32(Field.codeAddress);
  if (at < 0 || at >= CODE_SIZE) return true;
  const code = emulator.bytes.slice(Field.code + at, Field.code + CODE_SIZE);
  const decoder = new Decoder(host.bits, code, 0);
  const instruction = decoder.decode();
  const spans = ENVIRONMENTS.has(instruction.mnemonic);
  instruction.free();
  decoder.free();
  return !spans;
}

/** Differences as lines "field: host …, emulator …"; empty when equal. */
export function compareStates(
  test: Expectation,
  host: StateRecord,
  emulator: StateRecord,
): string[] {
  const out: string[] = [];
  if (host.bits === 16) maskPushedFlags(test, host, emulator);
  const differ = (name: string, a: bigint | number, b: bigint | number): void => {
    out.push(`${name}: host ${hex(a)}, emulator ${hex(b)}`);
  };
  const vector = host.u32(Field.vector);
  if (vector !== emulator.u32(Field.vector)) {
    differ("exception vector", vector, emulator.u32(Field.vector));
  } else {
    // Linux reports every user access above its TASK_SIZE_MAX as a protection violation.
    const ignored = vector === 14 && host.u64(Field.cr2) >= 0x7fff_ffff_f000n ? 1n : 0n;
    if (
      VECTORS_WITH_ERROR.has(vector) &&
      (host.u64(Field.errorCode) | ignored) !== (emulator.u64(Field.errorCode) | ignored)
    ) {
      differ("error code", host.u64(Field.errorCode), emulator.u64(Field.errorCode));
    }
    if (vector === 14 && differInAddress(host, emulator)) {
      differ("cr2", host.u64(Field.cr2), emulator.u64(Field.cr2));
    }
  }
  if (!equalBytes(host.bytes, emulator.bytes, Field.fsBase, Field.rflags)) {
    for (const [name, at] of [
      ["fs base (real mode: es cs ss ds)", Field.fsBase],
      ["gs base (real mode: fs gs)", Field.gsBase],
      ["rip", Field.rip],
    ] as const) {
      if (host.u64(at) !== emulator.u64(at)) differ(name, host.u64(at), emulator.u64(at));
    }
  }
  const mask = RFLAGS_COMPARED & ~test.undefinedFlags;
  const hostFlags = host.u32(Field.rflags) & mask;
  const emulatorFlags = emulator.u32(Field.rflags) & mask;
  if (hostFlags !== emulatorFlags) {
    out.push(`rflags: host ${flagNames(hostFlags)}, emulator ${flagNames(emulatorFlags)}`);
  }
  for (let i = 0; i < 16; i++) {
    if (host.gpr(i) !== emulator.gpr(i))
      differ(GENERAL_NAMES[i] as string, host.gpr(i), emulator.gpr(i));
  }
  compareX87(test, host, emulator, out, differ);
  for (let i = 0; i < 16; i++) {
    for (const [name, base] of [
      ["xmm", Field.xmm],
      ["ymmh", Field.ymmHigh],
    ] as const) {
      const at = base + i * 16;
      if (equalBytes(host.bytes, emulator.bytes, at, at + 16)) continue;
      if (test.tolerance === "reciprocal" && closeFloats(host, emulator, at)) continue;
      out.push(`${name}${i}: host ${dump(host, at)}, emulator ${dump(emulator, at)}`);
    }
  }
  for (const [at, size, address] of [
    [Field.windowA, Memory.windowASize, Memory.windowA],
    [Field.windowB, Memory.windowBSize, Memory.windowB],
  ] as const) {
    for (let i = at; i < at + size; i++) {
      const h = host.bytes[i] as number;
      const e = emulator.bytes[i] as number;
      if (h !== e) differ(`byte at ${hex(address + i - at)}`, h, e);
      if (out.length > 12) return out;
    }
  }
  return out;
}

/** Clears the undefined flags in the FLAGS image that a real-mode exception has pushed. */
function maskPushedFlags(test: Expectation, ...states: StateRecord[]): void {
  for (const state of states) {
    if (state.u32(Field.vector) > 255 || test.undefinedFlags === 0) continue;
    const stack = state.u16(Field.segments + 4) * 16 + (Number(state.gpr(4)) & 0xffff) + 4;
    for (let i = 0; i < 2; i++) {
      const at = windowOffset(BigInt(stack + i));
      if (at < 0) continue;
      state.bytes[at] = (state.bytes[at] as number) & ~(test.undefinedFlags >> (8 * i));
    }
  }
}

function compareX87(
  test: Expectation,
  host: StateRecord,
  emulator: StateRecord,
  out: string[],
  differ: (name: string, a: number, b: number) => void,
): void {
  if (
    equalBytes(host.bytes, emulator.bytes, Field.fcw, Field.fop) &&
    equalBytes(host.bytes, emulator.bytes, Field.mxcsr, Field.xmm)
  ) {
    return;
  }
  if (host.u16(Field.fcw) !== emulator.u16(Field.fcw))
    differ("fcw", host.u16(Field.fcw), emulator.u16(Field.fcw));
  let mask = 0xffff & ~test.undefinedFsw;
  if (test.tolerance === "x87") mask &= ~0x220;
  if (((host.u16(Field.fsw) ^ emulator.u16(Field.fsw)) & mask) !== 0) {
    differ("fsw", host.u16(Field.fsw), emulator.u16(Field.fsw));
  }
  if (host.bytes[Field.ftw] !== emulator.bytes[Field.ftw]) {
    differ("ftw", host.bytes[Field.ftw] as number, emulator.bytes[Field.ftw] as number);
  }
  if (host.u32(Field.mxcsr) !== emulator.u32(Field.mxcsr)) {
    differ("mxcsr", host.u32(Field.mxcsr), emulator.u32(Field.mxcsr));
  }
  for (let i = 0; i < 8; i++) {
    const at = Field.st + i * 16;
    if (equalBytes(host.bytes, emulator.bytes, at, at + 10)) continue;
    if (test.tolerance === "x87" && ulpDistance(host, emulator, at) <= X87_ULPS) continue;
    out.push(`st${i}: host ${dump80(host, at)}, emulator ${dump80(emulator, at)}`);
  }
}

/** Distance that Intel's and AMD's manuals allow between transcendental results, in units in the last place. */
const X87_ULPS = 1n;

function ulpDistance(a: StateRecord, b: StateRecord, at: number): bigint {
  const value = (r: StateRecord): bigint =>
    (BigInt(r.u16(at + 8) & 0x7fff) << 63n) + (r.u64(at) & 0x7fff_ffff_ffff_ffffn);
  if ((a.u16(at + 8) ^ b.u16(at + 8)) & 0x8000) return 1n << 80n;
  const distance = value(a) - value(b);
  return distance < 0n ? -distance : distance;
}

function closeFloats(a: StateRecord, b: StateRecord, at: number): boolean {
  for (let i = 0; i < 16; i += 4) {
    if (a.u32(at + i) === b.u32(at + i)) continue;
    const x = a.view.getFloat32(at + i, true);
    const y = b.view.getFloat32(at + i, true);
    // Both are within 1.5 * 2^-12 of the exact value.
    if (!(Math.abs(x - y) <= Math.abs(x) * 3 * 2 ** -12)) return false;
  }
  return true;
}

function equalBytes(a: Uint8Array, b: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (a[i] !== b[i]) return false;
  return true;
}

function hex(value: bigint | number): string {
  return `0x${value.toString(16)}`;
}

function dump(record: StateRecord, at: number): string {
  return `${record
    .u64(at + 8)
    .toString(16)
    .padStart(16, "0")}_${record.u64(at).toString(16).padStart(16, "0")}`;
}

function dump80(record: StateRecord, at: number): string {
  return `${record
    .u16(at + 8)
    .toString(16)
    .padStart(4, "0")}_${record.u64(at).toString(16).padStart(16, "0")}`;
}

const FLAG_NAMES: readonly [number, string][] = [
  [1, "CF"],
  [4, "PF"],
  [0x10, "AF"],
  [0x40, "ZF"],
  [0x80, "SF"],
  [0x100, "TF"],
  [0x400, "DF"],
  [0x800, "OF"],
  [0x4000, "NT"],
  [0x1_0000, "RF"],
  [0x4_0000, "AC"],
  [0x20_0000, "ID"],
];

function flagNames(flags: number): string {
  const names = FLAG_NAMES.filter(([bit]) => flags & bit).map(([, name]) => name);
  return names.length ? names.join("+") : "none";
}

/** A snippet's input for a report: what is not zero; memory is left out. */
export function describeInput(before: StateRecord): string {
  const registers = GENERAL_NAMES.map((name, i) => [name, before.gpr(i)] as const)
    .filter(([, value]) => value !== 0n)
    .map(([name, value]) => `${name}=${hex(value)}`);
  const lines = [[`rflags=${flagNames(before.u32(Field.rflags))}`, ...registers].join(" ")];
  const control: string[] = [];
  if (before.u32(Field.mxcsr) !== 0x1f80) control.push(`mxcsr=${hex(before.u32(Field.mxcsr))}`);
  if (before.u16(Field.fcw) !== 0x37f) control.push(`fcw=${hex(before.u16(Field.fcw))}`);
  if (before.u16(Field.fsw) !== 0) control.push(`fsw=${hex(before.u16(Field.fsw))}`);
  const tags = before.bytes[Field.ftw] as number;
  const top = (before.u16(Field.fsw) >> 11) & 7;
  for (let i = 0; i < 8; i++) {
    const at = Field.st + i * 16;
    const used = tags & (1 << ((top + i) & 7));
    if (used) control.push(`st${i}=${dump80(before, at)}`);
  }
  for (let i = 0; i < 16; i++) {
    const at = Field.xmm + i * 16;
    const high = Field.ymmHigh + i * 16;
    if (before.u64(at) !== 0n || before.u64(at + 8) !== 0n)
      control.push(`xmm${i}=${dump(before, at)}`);
    if (before.u64(high) !== 0n || before.u64(high + 8) !== 0n) {
      control.push(`ymmh${i}=${dump(before, high)}`);
    }
  }
  if (control.length > 0) lines.push(control.join(" "));
  return lines.join("\n    ");
}
