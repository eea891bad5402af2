// Runs a workload of the bench as a test's guest, for the numbers that it leaves in memory.

import { benchKernel } from "../../bench/frame.ts";
import type { Workload } from "../../bench/workload.ts";
import { Machine } from "../../host/machine.ts";
import type { Accel } from "../../jit/accel.ts";

const RUN = { nanoseconds: 20_000_000 };

/** The `count` numbers of 64 bits at the physical address `at` after 20 ms of virtual time. */
export async function resultsOf(
  workload: Workload,
  accel: Accel,
  at: number,
  count: number,
): Promise<bigint[]> {
  const kernel = benchKernel(workload);
  const machine = await Machine.create({ kernel, memory: "32M", cpu: "max", accel });
  machine.runSync(RUN);
  return [...new BigUint64Array(machine.readPhysical(at, 8 * count).slice().buffer)];
}
