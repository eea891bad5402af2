// How fast guests run in a tab and in Node, in one run: the same compiled core and the same kernels, in the page's own worker
// and in a machine of this process. Each is run twice, the second time after a reset, and the second run counts: what the
// engine compiles in the background is there by then. Times are the processor's, of the thread that runs the machine; both
// places take turns, and the best run of each counts, since what else the host does only adds.

import { firstThread, threadMs } from "../../../testing/thread-time.ts";
import { Machine } from "../../host/machine.ts";
import { parseAccel } from "../../jit/accel.ts";
import { benchKernel } from "../frame.ts";
import type { Workload } from "../workload.ts";
import { noteEnds, untilEnd } from "./statuses.ts";
import { openWorkerPage, type Places, putGuest } from "./worker-page.ts";

const MEMORY = "128M";
const DEBUG_EXIT = { iobase: 0xf4, iosize: 4 };
/** About how long a run in Node is made, ms. */
const RUN_MS = 400;
/** The part of a workload's rounds that is tried first, and by how much more at most each time. */
const FIRST = 0.01;
const STEP = 8;
const REPEATS = 2;

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

async function runInNode(
  core: Uint8Array,
  workload: Workload,
  kernel: Uint8Array,
  accel: AccelName,
): Promise<Run> {
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
  const run = async (): Promise<Run> => {
    const [instructions, start] = [machine.core.instructions(), threadMs(thread)];
    const { kind } = await machine.run();
    if (kind !== "debug-exit") throw new Error(`bench: ${workload.name}: ${kind}`);
    return {
      instructions: machine.core.instructions() - instructions,
      ms: threadMs(thread) - start,
    };
  };
  await run();
  machine.reset();
  return run();
}

async function runInTab(
  places: Places,
  workload: Workload,
  guest: string,
  accel: AccelName,
): Promise<Run> {
  const query = `?kernel=${guest}&memory=${MEMORY}&cpus=${workload.cpus ?? 1}&accel=${accel}&clock=vm`;
  const firstEnd = (open: Parameters<typeof untilEnd>[0]) => untilEnd(open, 1);
  const { page, worker } = await openWorkerPage(places, query, noteEnds, firstEnd);
  try {
    const { instructions } = await untilEnd(page, 1);
    const start = threadMs(worker);
    await page.evaluate(() => window.machineView?.command("reset"));
    const end = await untilEnd(page, 2);
    return { instructions: end.instructions - instructions, ms: threadMs(worker) - start };
  } finally {
    await page.close();
  }
}

/** Rounds of a run that takes about `RUN_MS` in Node. */
async function roundsOf(core: Uint8Array, workload: Workload, accel: AccelName): Promise<number> {
  let rounds = Math.max(1, Math.ceil(workload.rounds * FIRST));
  for (;;) {
    const { ms } = await runInNode(core, workload, benchKernel(workload, rounds), accel);
    if (ms >= RUN_MS / 2) return rounds;
    rounds = Math.ceil(rounds * Math.min(STEP, RUN_MS / ms));
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
  const row: SpeedRow = {
    workload,
    accel,
    node: { instructions: 0, ms: Number.POSITIVE_INFINITY },
    tab: { instructions: 0, ms: Number.POSITIVE_INFINITY },
  };
  for (let i = 0; i < REPEATS; i++) {
    const node = await runInNode(core, workload, kernel, accel);
    const tab = await runInTab(places, workload, guest, accel);
    if (node.instructions !== tab.instructions) {
      throw new Error(
        `bench: ${workload.name}: ${node.instructions} instructions in Node, ${tab.instructions} in the tab`,
      );
    }
    if (node.ms < row.node.ms) row.node = node;
    if (tab.ms < row.tab.ms) row.tab = tab;
  }
  return row;
}
