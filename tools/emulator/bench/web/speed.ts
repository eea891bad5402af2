// How fast guests run in a tab and in Node, in one run: the same compiled core and the same kernels, in the page's own worker
// and in a machine of this process. Both are kept and run again after a reset, in turns; the first run of each is left
// out, since what the engine compiles in the background is there by then. Times are the processor's, of the thread that runs
// the machine. The best run of each place counts: what else the host does only adds, and on shared hosts it adds up to a
// half for seconds at a time. Guests that wait for memory are as quick as the pages that their machine happens to get of the
// host, for as long as it has them, by a factor of five between two processes of Node: each place has several machines.

import { firstThread, threadMs } from "../../../testing/thread-time.ts";
import { Machine } from "../../host/machine.ts";
import { parseAccel } from "../../jit/accel.ts";
import { benchKernel } from "../frame.ts";
import type { Workload } from "../workload.ts";
import { noteEnds, untilEnd } from "./statuses.ts";
import { openWorkerPage, type Places, putGuest } from "./worker-page.ts";

const MEMORY = "128M";
const DEBUG_EXIT = { iobase: 0xf4, iosize: 4 };
/**
 * About how long a run in Node is made, ms. What is compiled is compiled anew in each run, and at first by V8's quick
 * compiler, so that short runs compare how soon V8's other threads get to its slow one.
 */
const RUN_MS = { interp: 400, jit: 1200 } as const;
/** The part of a workload's rounds that is tried first, and by how much more at most each time. */
const FIRST = 0.01;
const STEP = 8;
/** Pairs of machines, one in each place, and the runs of each. */
const PAIRS = 3;
const RUNS = 2;

export const ACCELS = ["interp", "jit"] as const;
export type AccelName = (typeof ACCELS)[number];

/** A run: guest instructions, and the time they took, ms. */
export interface Run {
  instructions: number;
  ms: number;
}

export interface SpeedRow {
  workload: Workload;
  accel: AccelName;
  node: Run;
  tab: Run;
}

/** Millions of instructions a second. */
export const speedOf = ({ instructions, ms }: Run): number => instructions / ms / 1000;

/** The tab's time through Node's. */
export const ratioOf = ({ node, tab }: Pick<SpeedRow, "node" | "tab">): number =>
  speedOf(node) / speedOf(tab);

const NO_RUN: Run = { instructions: 0, ms: Number.POSITIVE_INFINITY };

const better = (a: Run, b: Run): Run => (a.ms < b.ms ? a : b);

/** A machine with a guest that runs to its end, and again. */
interface Runner {
  run(): Promise<Run>;
}

async function openNode(
  core: Uint8Array,
  workload: Workload,
  kernel: Uint8Array,
  accel: AccelName,
): Promise<Runner> {
  const machine = await Machine.create({
    core,
    kernel,
    kernelName: workload.name,
    memory: MEMORY,
    cpus: workload.cpus ?? 1,
    accel: parseAccel(accel),
    debugExit: DEBUG_EXIT,
  });
  const thread = firstThread();
  return {
    run: async () => {
      const start = threadMs(thread);
      machine.reset();
      const before = machine.core.instructions();
      const { kind } = await machine.run();
      if (kind !== "debug-exit") throw new Error(`bench: ${workload.name}: ${kind}`);
      const ms = threadMs(thread) - start;
      return { instructions: machine.core.instructions() - before, ms };
    },
  };
}

async function openTab(
  places: Places,
  workload: Workload,
  guest: string,
  accel: AccelName,
): Promise<Runner & { close(): Promise<void> }> {
  const query = `?kernel=${guest}&memory=${MEMORY}&cpus=${workload.cpus ?? 1}&accel=${accel}&clock=vm`;
  const firstEnd = (open: Parameters<typeof untilEnd>[0]) => untilEnd(open, 1);
  const { page, worker } = await openWorkerPage(places, query, noteEnds, firstEnd);
  let runs = 1;
  let { instructions: before } = await untilEnd(page, runs);
  return {
    run: async () => {
      const start = threadMs(worker);
      await page.evaluate(() => window.machineView?.command("reset"));
      runs += 1;
      const { instructions } = await untilEnd(page, runs);
      const run = { instructions: instructions - before, ms: threadMs(worker) - start };
      before = instructions;
      return run;
    },
    close: () => page.close(),
  };
}

/** Rounds of a run that takes about as long in Node as it is to. */
async function roundsOf(core: Uint8Array, workload: Workload, accel: AccelName): Promise<number> {
  const wanted = RUN_MS[accel];
  let rounds = Math.max(1, Math.ceil(workload.rounds * FIRST));
  for (;;) {
    const node = await openNode(core, workload, benchKernel(workload, rounds), accel);
    const { ms } = await node.run();
    if (ms >= wanted / 2) return rounds;
    rounds = Math.ceil(rounds * Math.min(STEP, wanted / ms));
  }
}

/** Measures one workload in both places. Throws `Error` if the guest did not do the same in both. */
export async function measureSpeed(
  places: Places,
  workload: Workload,
  accel: AccelName,
): Promise<SpeedRow> {
  const core = places.files.get("emulator-core.wasm");
  if (core === undefined) throw new Error("bench: the page has no CPU core");
  const kernel = benchKernel(workload, await roundsOf(core, workload, accel));
  const guest = putGuest(places, kernel);
  const row: SpeedRow = { workload, accel, node: NO_RUN, tab: NO_RUN };
  for (let pair = 0; pair < PAIRS; pair++) {
    const inNode = await openNode(core, workload, kernel, accel);
    await inNode.run();
    const inTab = await openTab(places, workload, guest, accel);
    try {
      for (let i = 0; i < RUNS; i++) {
        const [node, tab] = [await inNode.run(), await inTab.run()];
        if (node.instructions !== tab.instructions) {
          throw new Error(
            `bench: ${workload.name}: ${node.instructions} instructions in Node, ${tab.instructions} in the tab`,
          );
        }
        row.node = better(node, row.node);
        row.tab = better(tab, row.tab);
      }
    } finally {
      await inTab.close();
    }
  }
  return row;
}
