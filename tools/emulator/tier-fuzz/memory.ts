// What the compiled tier takes of the host's memory while a guest keeps writing code, executing it and writing over it:
// regions that are gone must be given back, and those that are there be bounded.

import { setImmediate } from "node:timers/promises";
import { byte, dword, eax, ecx, edi, edx, esi } from "../../asm/index.ts";
import { Machine } from "../host/machine.ts";
import type { Accel } from "../jit/accel.ts";
import { guest } from "../platform/testdata/guest.ts";

/** Where the guest writes its functions: one to a page, so that each is changed once in a pass. */
const AREA = 0x20_0000;
const PAGES = 16_000;
/** From one function to the next: into the next page, and not to the same place in it. */
const STRIDE = 0x1040;
const RAM = 96 << 20;
const SLICE_NS = 10_000;
/** MOV EAX, imm32; ADD ECX, EAX; RET; NOP. */
const MOV_EAX = 0xb8;
const ADD_RET = 0x90c3_c101;

/** A guest that writes a function, calls it `calls` times, and goes on in the next page, for ever. */
function writer(calls: number): Uint8Array {
  return guest((a) => {
    a.label("pass");
    a.mov(edi, AREA);
    a.label("write");
    a.inc(edx);
    a.mov(byte(edi), MOV_EAX).mov(dword(edi, { disp: 1 }), edx);
    a.mov(dword(edi, { disp: 5 }), ADD_RET).mov(esi, calls);
    a.label("call");
    a.call(edi).dec(esi).jnz("call");
    a.add(edi, STRIDE)
      .cmp(edi, AREA + PAGES * 0x1000)
      .jb("write");
    a.add(eax, ecx).jmp("pass");
  });
}

export interface MemoryOptions {
  /** Regions to compile. */
  compilations: number;
  accel: Accel;
  /** Calls of each function that is written: more than the tier's threshold. */
  calls: number;
  /** Whether the host's event loop gets a turn between slices, as it does in `Machine.run`. */
  turns: boolean;
  onSample: (sample: MemorySample) => void;
}

export interface MemorySample {
  compilations: number;
  /** Regions that are installed. */
  regions: number;
  /** What the process has grown by since the machine was made, without the guest's pages that are not zero, bytes. */
  above: number;
}

const SAMPLES = 20;

/** Runs the guest until enough has been compiled; returns the greatest growth, bytes. */
export async function runMemory(options: MemoryOptions): Promise<number> {
  const { compilations, accel, calls, turns, onSample } = options;
  const machine = await Machine.create({ kernel: writer(calls), memory: RAM, accel });
  const before = process.memoryUsage.rss() - touched(machine);
  let most = 0;
  let next = 0;
  for (;;) {
    const { kind } = machine.runSync({ nanoseconds: SLICE_NS });
    if (kind !== "limit") throw new Error(`the guest has ended: ${kind}`);
    if (turns) await setImmediate();
    const { tierStatistics } = machine;
    if (tierStatistics === undefined) throw new Error("the machine has no compiled tier");
    const done = tierStatistics.compilations;
    if (done < next) continue;
    next += compilations / SAMPLES;
    const above = process.memoryUsage.rss() - before - touched(machine);
    most = Math.max(most, above);
    onSample({ compilations: done, regions: tierStatistics.regions, above });
    if (done >= compilations) return most;
  }
}

/** Bytes of the guest's pages that are not zero. */
function touched({ ram }: Machine): number {
  const bytes = ram.view();
  const words = new BigUint64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8);
  const perPage = 0x1000 / 8;
  let pages = 0;
  for (let page = 0; page < words.length; page += perPage)
    if (words.subarray(page, page + perPage).some((word) => word !== 0n)) pages++;
  return pages * 0x1000;
}
