// The TSC as software on several CPUs sees it: the order of readings in memory is the order of their values
// (Intel SDM vol. 3B, 18.17: monotonic, unique). The oracle is the guest's own comparison.

import { describe, expect, test } from "vitest";
import { loadCore } from "../host/core.ts";
import { type CoreExports, PageKind, RunExit } from "./interface.ts";
import {
  ACTIVE,
  S_ACTIVITY,
  S_CR0,
  S_EFLAGS,
  S_RIP,
  S_SEG,
  SEG_ATTR,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SEG_STRIDE,
  SEG_VALID,
  STATE,
} from "./state.ts";

const RAM = 1 << 20;
const CODE = 0x4000;
/** What the guest keeps: the latest reading's low half, readings that were not above it, all readings. */
const LATEST = 0x600;
const BACKWARD = 0x604;
const READINGS = 0x608;

/** Real-mode code; no branch separates a reading from its store, so that no CPU comes between them. */
const LOOP = [
  ...[0x0f, 0x31], // rdtsc
  ...[0x66, 0x8b, 0x1e, 0x00, 0x06], // mov ebx, [LATEST]
  ...[0x66, 0xa3, 0x00, 0x06], // mov [LATEST], eax
  ...[0x66, 0xff, 0x06, 0x08, 0x06], // inc dword [READINGS]
  ...[0x66, 0x39, 0xd8], // cmp eax, ebx
  ...[0x77, 0xeb], // ja back to rdtsc
  ...[0x66, 0xff, 0x06, 0x04, 0x06], // inc dword [BACKWARD]
  ...[0xeb, 0xe4], // jmp back to rdtsc
];

/** A machine all of whose CPUs execute `code` in real mode. */
async function start(cpus: number, code: readonly number[]): Promise<CoreExports> {
  const core = (
    await loadCore({
      port_read: () => 0,
      port_write: () => {},
      mmio_read: () => 0,
      mmio_write: () => {},
      interrupt_acknowledge: () => 0,
      apic_eoi: () => {},
      trace: () => {},
    })
  ).exports;
  core.create(cpus, RAM, 1);
  core.map_pages(0, RAM / 4096, PageKind.Ram);
  new Uint8Array(core.memory.buffer).set(code, core.ram_base() + CODE);
  const view = new DataView(core.memory.buffer);
  for (let cpu = 0; cpu < cpus; cpu++) {
    const state = core.cpu_state(cpu) - STATE;
    for (let n = 0; n < 6; n++) {
      const at = state + S_SEG + n * SEG_STRIDE;
      view.setBigUint64(at + SEG_BASE, 0n, true);
      view.setUint32(at + SEG_LIMIT, 0xffff, true);
      view.setUint32(at + SEG_SELECTOR, 0, true);
      view.setUint32(at + SEG_ATTR, 0x93, true);
      view.setUint32(at + SEG_VALID, 1, true);
    }
    view.setBigUint64(state + S_CR0, 0x10n, true);
    view.setBigUint64(state + S_EFLAGS, 2n, true);
    view.setBigUint64(state + S_RIP, BigInt(CODE), true);
    view.setUint32(state + S_ACTIVITY, ACTIVE, true);
    core.cpu_state_changed(cpu);
  }
  return core;
}

const word = (core: CoreExports, address: number): number =>
  new DataView(core.memory.buffer).getUint32(core.ram_base() + address, true);

describe("the time-stamp counter", () => {
  for (const cpus of [1, 2, 4]) {
    test(`rises with every reading on ${cpus} CPUs`, async () => {
      const core = await start(cpus, LOOP);
      expect(core.run(1_000_000)).toBe(RunExit.Deadline);
      expect(word(core, READINGS)).toBeGreaterThan(cpus * 60_000);
      expect(word(core, BACKWARD)).toBe(0);
      // CPUs take turns of 10 µs, and nobody is further ahead of time than two of them.
      expect(Math.abs(word(core, LATEST) - core.time())).toBeLessThan(20_100);
    });
  }

  test("stays with virtual time when CPUs do nothing but read it", async () => {
    const read = LOOP.slice(0, 2);
    const code = [...read, ...read, ...read, ...read, 0x66, 0xa3, 0x00, 0x06, 0xeb, 0xf2];
    const core = await start(8, code);
    expect(core.run(1_000_000)).toBe(RunExit.Deadline);
    expect(Math.abs(word(core, LATEST) - core.time())).toBeLessThan(20_100);
  });
});
