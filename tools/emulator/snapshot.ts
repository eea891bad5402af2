// A machine's whole state as plain data: core memory without its caches, RAM, devices, timers. Pages of zeros are left
// out, so that a snapshot has the size of what the guest touched. And a hash of it, without what a guest cannot observe.

import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import type { CoreExports } from "./core/interface.ts";
import { MAX_CPUS } from "./core/protocol.ts";
import {
  APIC_STRIDE,
  APICS,
  M_A20,
  M_RANDOM,
  M_SHOWN,
  M_TSC,
  MACHINE,
  MACHINE_SIZE,
  S_AGAIN,
  S_BUDGET,
  S_COARSE,
  S_FAULT,
  S_FAULT_CODE,
  S_HELD,
  S_INSN_INDEX,
  S_KEY,
  S_LF_AUX,
  S_LF_RES,
  S_LIN_MASK,
  S_RESERVE,
  S_RIP_BASE,
  S_STOP,
  S_TLB,
  S_TMP0,
  S_TMP1,
  S_TMP2,
  S_WRAPPING,
  SLOTS,
  STATE,
  STATE_SIZE,
} from "./core/state.ts";
import type { CpuAccess } from "./platform/cpu-access.ts";
import { type GuestRam, usedPagesOf } from "./platform/guest-ram.ts";
import type { Board, BoardState } from "./platform/pc.ts";
import type { SerialLine } from "./serial-line.ts";

const PAGE = 4096;

/** The parts of a machine that have state. */
export interface MachineParts {
  readonly core: CoreExports;
  readonly board: Board;
  readonly ram: GuestRam;
  readonly cpus: readonly CpuAccess[];
  readonly serialLines: readonly SerialLine[];
}

export interface Snapshot {
  ramBytes: number;
  cpus: number;
  /** Pages of RAM that are not all zero, by page frame number. */
  pages: Map<number, Uint8Array>;
  /** CPU states, local APICs, scheduler: address in core memory and contents. */
  core: [address: number, bytes: Uint8Array][];
  board: BoardState;
  /** What the guest has sent on COM1 to COM4, and on ports of virtio consoles. */
  serialOutput: string[];
}

/** Ranges of core memory that are state and no cache. */
const CORE_STATE: readonly [address: number, bytes: number][] = [
  [STATE, STATE_SIZE],
  [SLOTS, STATE_SIZE * MAX_CPUS],
  [APICS, APIC_STRIDE * MAX_CPUS],
  [MACHINE, MACHINE_SIZE],
];

/** Whether a memory has these bytes at `address`, if that is found out sooner than they are written: by words. */
function holds(ram: Uint8Array, address: number, bytes: Uint8Array): boolean {
  if ((bytes.byteOffset | bytes.length) & 3 || address + bytes.length > ram.length) return false;
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const there = new Uint32Array(ram.buffer, ram.byteOffset + address, words.length);
  let at = 0;
  while (at < words.length && words[at] === there[at]) at++;
  return at === words.length;
}

export function captureSnapshot(machine: MachineParts): Snapshot {
  const { core, board } = machine;
  // A translation that is cached may differ from the page tables of now. The machine that goes on starts
  // with none, as a restored one does; nothing else that is derived from the state can be noticed.
  core.state_loaded();
  const memory = core.memory.buffer;
  return {
    ramBytes: machine.ram.size,
    cpus: machine.cpus.length,
    pages: new Map([...machine.ram.usedPages()].map(([frame, bytes]) => [frame, bytes.slice()])),
    core: CORE_STATE.map(([at, n]) => [at, new Uint8Array(memory.slice(at, at + n))]),
    board: board.save(),
    serialOutput: machine.serialLines.map((line) => line.output),
  };
}

/** Throws `Error` if the snapshot is of a machine with other RAM or CPUs. */
export function restoreSnapshot(machine: MachineParts, snapshot: Snapshot): void {
  const { core, board, ram } = machine;
  if (snapshot.ramBytes !== ram.size || snapshot.cpus !== machine.cpus.length) {
    throw new Error(
      `the snapshot is of a machine with ${snapshot.ramBytes} bytes of RAM and ${snapshot.cpus} CPUs, this one has ${ram.size} and ${machine.cpus.length}`,
    );
  }
  // All that can be wrong is found before anything changes.
  board.checkSaved(snapshot.board);
  const used = [...ram.usedPages()].map(([frame]) => frame);
  for (const frame of used) if (!snapshot.pages.has(frame)) ram.fill(frame * PAGE, PAGE);
  const now = ram.view();
  for (const [frame, bytes] of snapshot.pages)
    if (!holds(now, frame * PAGE, bytes)) ram.write(frame * PAGE, bytes);
  const memory = new Uint8Array(core.memory.buffer);
  for (const [at, bytes] of snapshot.core) memory.set(bytes, at);
  core.state_loaded();
  board.restore(snapshot.board);
  for (const cpu of machine.cpus) cpu.commit();
  machine.serialLines.forEach((line, port) => {
    line.replaceOutput(snapshot.serialOutput[port] ?? "");
  });
}

/**
 * What is the same for the same device state, whatever structured-cloneable values it has: text, and behind it the bytes that
 * it names by their number, as a disk may have written more of them than a string can hold.
 */
function* canonical(value: unknown): Generator<string | Uint8Array> {
  const parts: Uint8Array[] = [];
  yield JSON.stringify(value, (_key, v) => {
    if (typeof v === "bigint") return `${v}n`;
    // By what it is, not by whose: a clone may be of another realm (a frame, a sandbox).
    const kind = Object.prototype.toString.call(v);
    if (kind === "[object Map]") return [...v];
    if (kind !== "[object Uint8Array]") return v;
    return { bytes: parts.push(v) - 1, length: v.length };
  });
  yield* parts;
}

/**
 * What a CPU's state holds for the interpreter alone: where it is in its block and slice, what it derives from the
 * mode, operands in passing. Two machines in one state may differ there. Field and bytes.
 */
const OF_EXECUTION: readonly [field: number, bytes: number][] = [
  [S_RIP_BASE, 8],
  // The flags as they are read stand for these.
  [S_LF_RES, 8],
  [S_LF_AUX, 8],
  [S_FAULT, 4],
  [S_FAULT_CODE, 4],
  [S_STOP, 4],
  [S_BUDGET, 4],
  [S_RESERVE, 4],
  [S_TLB, 4],
  [S_KEY, 4],
  [S_INSN_INDEX, 4],
  [S_HELD, 4],
  [S_LIN_MASK, 8],
  [S_COARSE, 4],
  [S_AGAIN, 4],
  [S_WRAPPING, 8],
  [S_TMP0, 64],
  [S_TMP1, 64],
  [S_TMP2, 64],
];

/** Of the machine's fields, those that are no matter of turns and slices. */
const OF_MACHINE: readonly [field: number, bytes: number][] = [
  [M_SHOWN, 8],
  [M_TSC, 8],
  [M_A20, 8],
  [M_RANDOM, 8],
];

/**
 * Everything that a guest can observe now or later: RAM, the CPUs with their MSRs and local APICs, the devices, all
 * timers, and the time. How the machine came there does not matter: in one run or many, with what is decoded and
 * translated kept or dropped. Machines in one state give the same sequence; bytes may be views of what changes when
 * the machine runs on.
 */
export function* observations(machine: MachineParts): Generator<string | Uint8Array> {
  yield* pagesOf(machine.ram.usedPages());
  yield* observationsBesideRam(machine);
}

function* pagesOf(
  pages: Iterable<[frame: number, bytes: Uint8Array]>,
): Generator<string | Uint8Array> {
  for (const [frame, bytes] of pages) {
    yield String(frame);
    yield bytes;
  }
}

/** The same without RAM, for those who compare that as a whole. */
export function* observationsBesideRam(machine: MachineParts): Generator<string | Uint8Array> {
  const { core, board } = machine;
  const copy = (at: number, bytes: number): Uint8Array =>
    new Uint8Array(core.memory.buffer.slice(at, at + bytes));
  for (const access of machine.cpus) {
    const state = copy(core.cpu_state(access.cpu), STATE_SIZE);
    for (const [field, bytes] of OF_EXECUTION) {
      state.fill(0, field - STATE, field - STATE + bytes);
    }
    yield state;
    yield String(access.rflags);
    yield copy(APICS + APIC_STRIDE * access.cpu, APIC_STRIDE);
  }
  for (const [field, bytes] of OF_MACHINE) yield copy(field, bytes);
  for (const d of board.devices()) {
    yield d.name;
    yield* canonical(d.state);
    if (d.memory !== undefined) yield* pagesOf(usedPagesOf(d.memory));
  }
  yield* canonical(board.scheduler.save());
  yield String(core.time());
}

/** SHA-256 over `observations`, as hexadecimal digits. */
export function stateHash(machine: MachineParts): string {
  const hash = sha256.create();
  for (const part of observations(machine)) {
    hash.update(typeof part === "string" ? utf8ToBytes(part) : part);
  }
  return bytesToHex(hash.digest());
}
