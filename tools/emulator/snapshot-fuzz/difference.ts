// What differs between two snapshots, in words: the page, the register, the part of a device.

import * as layout from "../core/state.ts";
import type { Snapshot } from "../index.ts";

/** Fields of a CPU's state and of the machine's, from the last to the first. */
const FIELDS = Object.entries(layout)
  .filter(([name, value]) => /^[SM]_/.test(name) && typeof value === "number")
  .map(([name, value]): [number, string] => [value as number, name])
  .concat([[layout.REGS, "REGS"]])
  .sort(([a], [b]) => b - a);

/** "S_CR0+0x4": the field of core/state.ts that holds `address`. */
function fieldAt(address: number): string {
  const [start, name] = FIELDS.find(([at]) => at <= address) ?? [0, ""];
  return address === start ? name : `${name}+0x${(address - start).toString(16)}`;
}

/** Where the core has what lies at `address`, one of a snapshot's ranges. */
function coreName(address: number): string {
  const { APIC_STRIDE, APICS, SLOTS, STATE, STATE_SIZE } = layout;
  if (address >= APICS) {
    const at = address - APICS;
    return `local APIC ${Math.floor(at / APIC_STRIDE)}, byte 0x${(at % APIC_STRIDE).toString(16)}`;
  }
  if (address >= SLOTS) {
    const at = address - SLOTS;
    return `CPU ${Math.floor(at / STATE_SIZE)}, ${fieldAt(STATE + (at % STATE_SIZE))}`;
  }
  if (address >= layout.MACHINE) return `machine, ${fieldAt(address)}`;
  return `the CPU that executes, ${fieldAt(address)}`;
}

const hex = (value: number): string => `0x${value.toString(16)}`;

/** Index of the first byte that differs, or -1. */
function firstDifference(a: Uint8Array, b: Uint8Array): number {
  if (Buffer.compare(a, b) === 0) return -1;
  const at = a.findIndex((byte, i) => byte !== b[i]);
  return at < 0 ? Math.min(a.length, b.length) : at;
}

function* ofBytes(what: string, found: Uint8Array, expected: Uint8Array): Generator<string> {
  const at = firstDifference(found, expected);
  if (at < 0) return;
  const [is, right] = [found, expected].map((b) =>
    at < b.length ? hex(b[at] as number) : "nothing",
  );
  yield `${what}: ${is} at byte ${hex(at)}, expected ${right}`;
}

/** Plain values, with the path to each that differs. */
function* ofValues(path: string, found: unknown, expected: unknown): Generator<string> {
  if (found instanceof Uint8Array && expected instanceof Uint8Array) {
    yield* ofBytes(path, found, expected);
    return;
  }
  if (found instanceof Map && expected instanceof Map) {
    yield* ofValues(path, Object.fromEntries(found), Object.fromEntries(expected));
    return;
  }
  const isObject = (value: unknown): value is Record<string, unknown> =>
    typeof value === "object" && value !== null;
  if (!isObject(found) || !isObject(expected)) {
    if (!Object.is(found, expected)) yield `${path}: ${found}, expected ${expected}`;
    return;
  }
  for (const key of new Set([...Object.keys(found), ...Object.keys(expected)])) {
    yield* ofValues(`${path}.${key}`, found[key], expected[key]);
  }
}

const EMPTY_PAGE = new Uint8Array(4096);

function* ofRam(found: Snapshot, expected: Snapshot): Generator<string> {
  const frames = new Set([...found.pages.keys(), ...expected.pages.keys()]);
  for (const frame of [...frames].sort((a, b) => a - b)) {
    yield* ofBytes(
      `RAM page ${hex(frame)}`,
      found.pages.get(frame) ?? EMPTY_PAGE,
      expected.pages.get(frame) ?? EMPTY_PAGE,
    );
  }
}

function* ofCore(found: Snapshot, expected: Snapshot): Generator<string> {
  const { S_CPU, SLOTS, STATE, STATE_SIZE } = layout;
  const state = expected.core.find(([address]) => address === STATE)?.[1];
  const executing = state === undefined ? 0 : (state[S_CPU - STATE] as number);
  for (const [i, [start, wanted]] of expected.core.entries()) {
    const bytes = found.core[i]?.[1] ?? new Uint8Array(0);
    for (let at = 0; at < wanted.length; at++) {
      if (bytes[at] === wanted[at]) continue;
      // The CPU that executes has its state at STATE; its slot is not in use.
      if (start === SLOTS && Math.floor(at / STATE_SIZE) === executing) continue;
      const byte = bytes[at];
      const is = byte === undefined ? "nothing" : hex(byte);
      yield `${coreName(start + at)}: byte ${is}, expected ${hex(wanted[at] as number)}`;
    }
  }
}

/** One line for each difference, CPUs and devices before RAM; nothing if the snapshots are of one state. */
export function* differences(found: Snapshot, expected: Snapshot): Generator<string> {
  yield* ofCore(found, expected);
  yield* ofValues("device", found.board.devices, expected.board.devices);
  yield* ofValues("timer", found.board.timers, expected.board.timers);
  yield* ofValues("memory of", found.board.memories, expected.board.memories);
  yield* ofValues("serial output", found.serialOutput, expected.serialOutput);
  yield* ofRam(found, expected);
}
