// How long the kernel holds the lock with interrupts off, whatever user space asks for. Instructions are counted in
// the emulator, where their number is the same in every run: between two points at which the kernel lets others in.

import { beforeAll, describe, expect, it } from "vitest";
import { guestModule } from "../tools/asc/guest.ts";
import { builtCore, Machine } from "../tools/emulator/host/index.ts";
import { elfSymbols } from "../tools/emulator/inspect/symbols.ts";
import { WINDOW } from "./asm/index.ts";
import { buildKernel } from "./build.ts";
import { KERNEL_GUEST } from "./options.ts";
import {
  buildLongOperations,
  doneSymbol,
  LAST_LINE,
  OPERATIONS,
  type Operation,
  startSymbol,
} from "./testing/long_operations.ts";

/** Instructions with interrupts off. */
const LONGEST = 200_000;
const ONE_PAGE = 1_000;
/** Far more than an operation needs. */
const LIMIT = 2_000_000_000;

interface Count {
  total: number;
  longest: number;
}

describe("an operation as long as user space wants", () => {
  const counts = new Map<Operation, Count>();
  let output = "";

  beforeAll(async () => {
    const { wasm, sourceMap } = await guestModule(KERNEL_GUEST);
    const kernel = buildKernel(wasm, sourceMap);
    const roottask = buildLongOperations();
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
    for (const operation of OPERATIONS) {
      runTo(address(startSymbol(operation)));
      const done = address(doneSymbol(operation));
      const count = { total: 0, longest: 0 };
      let from = machine.core.instructions();
      for (let place: bigint | undefined; place !== done; ) {
        place = runTo(letsIn, done);
        const now = machine.core.instructions();
        count.total += now - from;
        count.longest = Math.max(count.longest, now - from);
        from = now;
        if (place === letsIn) machine.step();
      }
      counts.set(operation, count);
    }
    machine.runSync({ until: LAST_LINE, instructions: LIMIT });
    output = machine.serialOutput;
  });

  it("lets others in before it has gone on for long", () => {
    const long = [...counts].filter(([, { longest }]) => longest > LONGEST);
    expect(Object.fromEntries(long)).toEqual({});
  });

  it("is long enough to need that, and succeeds", () => {
    const cut = [...counts].filter(([, { total, longest }]) => total > longest);
    expect(cut.length).toBeGreaterThan(15);
    for (const operation of OPERATIONS) expect(output).toContain(`${operation}: status 0\n`);
  });

  it("is short where there is little to do", () => {
    expect(counts.get("delegate a page")?.total).toBeLessThanOrEqual(ONE_PAGE);
  });
});
