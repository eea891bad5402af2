// How long the kernel holds the lock with interrupts off, whatever user space asks for. Instructions are counted in
// the emulator, where their number is the same in every run: between two points at which the kernel lets others in.

import { beforeAll, describe, expect, it } from "vitest";
import { guestModule } from "../tools/asc/guest.ts";
import { builtCore, Machine } from "../tools/emulator/host/index.ts";
import { elfSymbols } from "../tools/emulator/inspect/symbols.ts";
import * as abi from "./abi.ts";
import { WINDOW } from "./asm/index.ts";
import { buildKernel } from "./build.ts";
import { KERNEL_GUEST } from "./options.ts";
import { buildCrowdedThreads, CROWD_OPERATIONS } from "./testing/crowded_threads.ts";
import { buildLongOperations, OPERATIONS } from "./testing/long_operations.ts";
import { doneSymbol, MEASURED, RUNNING, startSymbol } from "./testing/measured_probe.ts";

/** Instructions with interrupts off. */
const LONGEST = 200_000;
const ONE_PAGE = 1_000;
/** Far more than an operation needs. */
const LIMIT = 2_000_000_000;

interface Count {
  total: number;
  longest: number;
}

interface Measurement<Operation> {
  counts: Map<Operation, Count>;
  output: string;
}

/** Counts the instructions of each of a roottask's operations (measured_probe.ts). */
async function measure<Operation extends string>(
  roottask: Uint8Array,
  operations: readonly Operation[],
): Promise<Measurement<Operation>> {
  const { wasm, sourceMap } = await guestModule(KERNEL_GUEST);
  const kernel = buildKernel(wasm, sourceMap);
  const modules = [{ file: roottask, name: "long" }];
  const machine = await Machine.create({ core: await builtCore(), kernel, modules, vga: false });
  const symbols = elfSymbols({ name: "long", data: roottask });
  const address = (name: string, table = symbols) => {
    const at = table.address(name);
    if (at === undefined) throw new Error(`no symbol ${name}`);
    return at;
  };
  // The file has the lower halves of the kernel's addresses.
  const letsIn = WINDOW + BigInt.asUintN(32, address("open_window", machine.symbols()));
  const running = RUNNING.flatMap((name) => symbols.address(name) ?? []);
  const [cpu] = machine.cpus;
  const runTo = (...places: bigint[]) => {
    for (const place of places) machine.core.set_breakpoint(place, 1);
    const stop = machine.runSync({ instructions: LIMIT });
    for (const place of places) machine.core.set_breakpoint(place, 0);
    if (stop.kind !== "debug") {
      throw new Error(`the run ended with ${stop.kind} after:\n${machine.serialOutput}`);
    }
    return cpu?.wide("rip");
  };
  const counts = new Map<Operation, Count>();
  for (const operation of operations) {
    runTo(address(startSymbol(operation)));
    const done = address(doneSymbol(operation));
    const count = { total: 0, longest: 0 };
    let from = machine.core.instructions();
    for (let place: bigint | undefined; place !== done; ) {
      place = runTo(letsIn, done, ...running);
      const now = machine.core.instructions();
      count.total += now - from;
      count.longest = Math.max(count.longest, now - from);
      from = now;
      if (place !== done) machine.step();
    }
    counts.set(operation, count);
  }
  machine.runSync({ until: MEASURED, instructions: LIMIT });
  return { counts, output: machine.serialOutput };
}

/** The counts of what goes on for too long. */
function tooLong(counts: Map<string, Count>) {
  return Object.fromEntries([...counts].filter(([, { longest }]) => longest > LONGEST));
}

function countCut(counts: Map<string, Count>): number {
  return [...counts.values()].filter(({ total, longest }) => total > longest).length;
}

describe("an operation as long as user space wants", () => {
  let measured: Measurement<(typeof OPERATIONS)[number]>;

  beforeAll(async () => {
    measured = await measure(buildLongOperations(), OPERATIONS);
  });

  it("lets others in before it has gone on for long", () => {
    expect(tooLong(measured.counts)).toEqual({});
  });

  it("is long enough to need that, and succeeds", () => {
    expect(countCut(measured.counts)).toBeGreaterThan(15);
    for (const operation of OPERATIONS)
      expect(measured.output).toContain(`${operation}: status 0\n`);
  });

  it("is short where there is little to do", () => {
    expect(measured.counts.get("delegate a page")?.total).toBeLessThanOrEqual(ONE_PAGE);
  });
});

describe("what thousands of threads wait for", () => {
  let measured: Measurement<(typeof CROWD_OPERATIONS)[number]>;

  beforeAll(async () => {
    measured = await measure(buildCrowdedThreads(), CROWD_OPERATIONS);
  });

  it("lets others in before it has gone on for long", () => {
    expect(tooLong(measured.counts)).toEqual({});
  });

  it("is long enough to need that, and comes", () => {
    expect(countCut(measured.counts)).toBeGreaterThan(6);
    for (const operation of CROWD_OPERATIONS) {
      const status = operation.startsWith("wait") ? abi.TIMEOUT : abi.SUCCESS;
      expect(measured.output).toContain(`${operation}: status ${status}\n`);
    }
  });
});
