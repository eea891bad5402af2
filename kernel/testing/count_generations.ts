// Runs the roottask of generations.ts on the booted kernel, with two CPUs, and reads what it says about the kernel's
// memory before and after.

import { builtCore, Machine } from "../../tools/emulator/host/index.ts";
import { buildGenerations, CAPACITY_LINES, LAST_LINE } from "./generations.ts";
import { bootImages } from "./qemu.ts";

/** Instructions of both CPUs that a generation may take. */
const PATIENCE = 7_500_000;
/** Of the start, and of counting how many objects there can be. */
const REST = 600_000_000;

export interface Capacity {
  /** How many objects that take a page each the kernel could hold; NaN if it did not come to that. */
  before: number;
  after: number;
  /** All that was on the serial line. */
  output: string;
}

function capacityOf(output: string): Capacity {
  const [before = Number.NaN, after = Number.NaN] = CAPACITY_LINES.map((line) => {
    const found = output.split(/\r?\n/).find((each) => each.startsWith(line));
    return Number.parseInt(found?.slice(line.length) ?? "", 16);
  });
  return { before, after, output };
}

/** `count` generations of domains on each CPU, in the emulator. */
export async function generationsInEmulator(kernel: Uint8Array, count: number): Promise<Capacity> {
  const modules = [{ file: buildGenerations(count), name: "generations" }];
  const core = await builtCore();
  const machine = await Machine.create({ core, kernel, modules, cpus: 2, vga: false });
  machine.runSync({ until: LAST_LINE, instructions: REST + count * PATIENCE });
  return capacityOf(machine.serialOutput);
}

/**
 * The same on QEMU, in `limit` ms. In one thread of the host, unless `threads`: in two, each waits for the kernel's
 * lock while the other is not running.
 */
export async function generationsOnQemu(
  kernel: Uint8Array,
  count: number,
  { threads = 1, limit }: { threads?: 1 | 2; limit?: number } = {},
): Promise<Capacity> {
  const output = await bootImages(
    {
      kernel,
      roottask: buildGenerations(count),
      options: ["-m", "256M", "-smp", "2"],
      accelerator: threads === 1 ? "tcg,thread=single" : "tcg,thread=multi",
      limit,
    },
    LAST_LINE,
  );
  return capacityOf(output);
}
