// Everything that the core changes while it runs is either saved by a snapshot or can be dropped: its wasm globals,
// and the ranges of its memory. A new one must be put on one of the lists here, or into the state.

import { expect, test } from "vitest";
import { guestModule } from "../../asc/guest.ts";
import { Machine } from "../host/machine.ts";
import { CORE_GUEST } from "./options.ts";
import { MAX_CPUS } from "./protocol.ts";
import {
  ARENA,
  ARENA_END,
  CODE_GENERATION,
  DEBUG_BREAKPOINTS,
  FETCH_BUFFER,
  NEAR_BANK_SIZE,
  NEAR_BANKS,
  NEAR_PAGES,
  PAGE_CODEMAP,
  PINNED,
  RAM_BASE,
  S_CPU,
  SCRATCH_BLOCK,
  SLOTS,
  STATE_SIZE,
  TIER_RETIRED,
  TLB_LOG_STRIDE,
  TLB_LOGS,
  TLBS,
  VIDEO_WRITTEN,
  WAIT_SAVED,
} from "./state.ts";
import { derivedStateGuest } from "./testdata/derived_state_guest.ts";

/** Globals that are no state: where they are, which, and why they may differ. */
const DERIVED: readonly (readonly [room: string, names: string, why: string])[] = [
  ["decode/cursor", "*", "of the instruction that is being decoded"],
  ["decode/pairs", "firsts seconds", "set when the core is created"],
  ["softfloat/format", "*", "of the operation in progress"],
  ["softfloat/arith", "*", "of the operation in progress"],
  ["softfloat/x80", "*", "of the operation in progress"],
  ["simd/float", "settled", "of the instruction in progress"],
  ["simd/fma", "sure", "of the instruction in progress"],
  ["simd/string", "bits lengthA lengthB", "of the instruction in progress"],
  ["simd/fxsave", "ok", "of the instruction in progress"],
  ["simd/table", "groupCount", "set when the core is created"],
  ["integer/string_bulk", "host", "of the instruction in progress"],
  ["system/msr", "value", "of the instruction in progress"],
  ["processor/apic", "msrValue", "of the instruction in progress"],
  ["memory/access", "nonCanonical", "of the access in progress"],
  ["memory/walk", "walkPageBits walkReadable walkWritable", "of the page walk in progress"],
  ["memory/segments", "descLow descHigh descAddress", "of the transfer in progress"],
  ["transfer/inner_stack", "*", "of the transfer in progress"],
  ["transfer/returns", "*", "of the transfer in progress"],
  ["transfer/deliver", "ext tripleFault debugFault", "of the delivery in progress"],
  ["processor/clock", "sliceStart sliceLength sliceEnd", "of the slice in progress"],
  ["schedule/run", "deadlineTime running", "of the run in progress"],
  ["schedule/run", "exitReason exitCpu exitDetail", "the result of the last run"],
  ["processor/cpus", "cpuCount", "set when the core is created"],
  ["processor/model", "words", "set when the core is created"],
  ["processor/latency", "latencies", "set when the core is created"],
  ["op/wait", "skipping", "set when the core is created"],
  ["decode/waiting_loops", "*", "of the block that is being decoded"],
  ["op/lookup", "builder", "set when the core is created"],
  [
    "memory/code_pages",
    "arenaTop lastFrame lastStart lastEnd firstMapped endMapped",
    "decoded code is dropped",
  ],
  ["op/heat", "heated entries countsAhead", "what the compiled tier has asked for"],
  ["memory/video_memory", "base length", "set when the core is created"],
  ["memory/high_memory", "map pageCount places allowed placeCount", "set when the core is created"],
  [
    "memory/high_memory",
    "resident everTaken freePlaces hand crowded",
    "where pages are, which no guest can tell",
  ],
  ["memory/watchpoints", "watching watchHit", "the debugger's, not the guest's"],
  ["op/debugger", "breakpointCount breakpointHit", "the debugger's, not the guest's"],
  ["processor/tracing", "mask", "the log's, not the guest's"],
];
const ROOM = "tools/emulator/core/guest/";

/** Names of a module's globals, from subsection 7 of its name section. */
function globalNames(wasm: Uint8Array<ArrayBuffer>): string[] {
  const [section] = WebAssembly.Module.customSections(new WebAssembly.Module(wasm), "name");
  const bytes = new Uint8Array(section as ArrayBuffer);
  let at = 0;
  const number = (): number => {
    for (let value = 0, shift = 0; ; shift += 7) {
      const byte = bytes[at++] as number;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const text = (): string => {
    const length = number();
    at += length;
    return new TextDecoder().decode(bytes.subarray(at - length, at));
  };
  while (at < bytes.length) {
    const id = bytes[at++];
    const size = number();
    if (id !== 7) at += size;
    else {
      return Array.from({ length: number() }, () => {
        number();
        return text();
      });
    }
  }
  return [];
}

test("every global of the core is known to be no state", async () => {
  const { wasm } = await guestModule({ ...CORE_GUEST, debug: true });
  const names = globalNames(wasm);
  expect(names.length).toBeGreaterThan(50);
  const isDerived = (name: string): boolean =>
    DERIVED.some(
      ([room, members]) =>
        name.startsWith(`${ROOM}${room}/`) &&
        (members === "*" || members.split(" ").includes(name.slice(ROOM.length + room.length + 1))),
    );
  // What the compiler adds for calls with optional arguments.
  expect(names.filter((name) => name !== "~argumentsLength" && !isDerived(name))).toEqual([]);
});

/** Ranges of the core's memory below RAM that a restored machine makes anew. */
const REBUILT: readonly (readonly [from: number, to: number, what: string])[] = [
  [0x2_0000, 0x10_0000, "static data: tables that are filled at the start, scratch operands"],
  [TIER_RETIRED, CODE_GENERATION + 4, "the host's, not the guest's"],
  [NEAR_PAGES, NEAR_PAGES + NEAR_BANKS * NEAR_BANK_SIZE, "translations"],
  [PINNED, PINNED + 4, "a region's scratch"],
  [DEBUG_BREAKPOINTS, DEBUG_BREAKPOINTS + 0x1000, "the debugger's, not the guest's"],
  [SCRATCH_BLOCK, FETCH_BUFFER + 0x1000, "a decoded instruction"],
  [WAIT_SAVED, WAIT_SAVED + 0x1000, "registers, while iterations are skipped"],
  [VIDEO_WRITTEN, TLB_LOGS, "the viewers', not the guest's"],
  [TLB_LOGS, TLB_LOGS + MAX_CPUS * TLB_LOG_STRIDE, "translations"],
  [TLBS, ARENA, "translations"],
  [PAGE_CODEMAP, TLBS, "where decoded code is"],
  [ARENA, ARENA_END, "decoded code"],
];

test("a restored core differs from the one the snapshot is of only in what is made anew", async () => {
  const options = { kernel: derivedStateGuest(), memory: "6M", cpus: 2, cpu: "max" } as const;
  const machine = await Machine.create(options);
  machine.runSync({ nanoseconds: 500_000 });
  const restored = await Machine.create(options);
  restored.restore(machine.snapshot());
  const a = new Uint32Array(machine.core.memory.buffer, 0, RAM_BASE / 4);
  const b = new Uint32Array(restored.core.memory.buffer, 0, RAM_BASE / 4);
  const slot = SLOTS + (a[S_CPU / 4] as number) * STATE_SIZE;
  const unknown: string[] = [];
  for (let i = 0; i < a.length && unknown.length < 10; i++) {
    if (a[i] === b[i]) continue;
    const at = i * 4;
    // The CPU that executes has its state at STATE; its slot is not in use.
    if (at >= slot && at < slot + STATE_SIZE) continue;
    if (!REBUILT.some(([from, to]) => at >= from && at < to)) unknown.push(`0x${at.toString(16)}`);
  }
  expect(unknown).toEqual([]);
});

test("a restored machine draws the same random numbers", async () => {
  const options = { kernel: derivedStateGuest(), memory: "6M", cpu: "max" } as const;
  const machine = await Machine.create(options);
  machine.runSync({ nanoseconds: 50_000 });
  const saved = machine.snapshot();
  machine.runSync({ nanoseconds: 50_000 });
  const hash = machine.stateHash();
  const other = await Machine.create(options);
  other.restore(saved);
  other.runSync({ nanoseconds: 50_000 });
  expect(other.stateHash()).toBe(hash);
});
