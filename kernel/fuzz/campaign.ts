// Runs the fuzzer: a seed gives a machine and a sequence of operations; a failure is cut down to the operations
// that it needs.

import { guestModule } from "../../tools/asc/guest.ts";
import { KERNEL_GUEST } from "../options.ts";
import type { Hardware } from "../testing/machine.ts";
import { Generator } from "./generator.ts";
import { Harness } from "./harness.ts";
import type { Operation } from "./operation.ts";
import { poisoned } from "./poison.ts";

const ENTRY = "kernel/testing/inspect.ts";

/** The kernel with what tests look into, and a pattern in free memory; `sources` replace files of the repository. */
export async function fuzzKernel(
  sources: Record<string, string> = {},
): Promise<WebAssembly.Module> {
  const { wasm } = await guestModule({
    ...KERNEL_GUEST,
    entry: ENTRY,
    sources: poisoned(sources),
  });
  return new WebAssembly.Module(wasm);
}

export interface Run {
  seed: number;
  steps: number;
  hypercalls: number;
  statuses: ReadonlyMap<number, number>;
  byId: ReadonlyMap<number, { calls: number; good: number }>;
  answers: ReadonlySet<string>;
  deepest: number;
  failure?: { message: string; operations: Operation[]; log: string };
}

/** One run of `steps` operations, or as many as it takes to fail. */
export async function runSeed(seed: number, steps: number, hardware: Hardware): Promise<Run> {
  const harness = await Harness.boot(hardware);
  const generator = new Generator(harness, seed);
  const operations: Operation[] = [];
  const result = () => ({
    seed,
    steps: harness.steps,
    hypercalls: harness.hypercalls,
    statuses: harness.statuses,
    byId: harness.byId,
    answers: harness.answers,
    deepest: harness.model.deepest,
  });
  try {
    for (let step = 0; step < steps && !harness.interrupted; step++) {
      const operation = generator.next();
      operations.push(operation);
      harness.step(operation);
    }
    if (!harness.interrupted) harness.checkAll();
    harness.m.audit();
    if (!harness.interrupted && generator.endAll()) harness.checkNothingIsLeft();
    return result();
  } catch (error) {
    const message = describe(harness, error);
    return { ...result(), failure: { message, operations, log: harness.m.log } };
  }
}

function describe(harness: Harness, error: unknown): string {
  const stray = harness.strayWrite();
  if (stray !== 0) return `free memory was written to at 0x${stray.toString(16)}`;
  if (!(error instanceof Error)) return String(error);
  return error.name === "Error" ? error.message : `${error.name}: ${error.stack}`;
}

/** Runs given operations; the failure's message, or undefined. */
export async function replay(
  operations: readonly Operation[],
  hardware: Hardware,
): Promise<string | undefined> {
  const harness = await Harness.boot(hardware);
  const generator = new Generator(harness, 0);
  try {
    for (const operation of operations) {
      harness.step(operation);
      if (harness.interrupted) break;
    }
    if (!harness.interrupted) harness.checkAll();
    harness.m.audit();
    if (!harness.interrupted && generator.endAll()) harness.checkNothingIsLeft();
    return undefined;
  } catch (error) {
    return describe(harness, error);
  }
}

/** What kind of failure it is, whatever the numbers. */
const kindOf = (message: string) =>
  message.replace(/pd\d+|root|0x[0-9a-f]+|\d+/g, "#").slice(0, 80);

/** A shorter sequence that fails, too: what can be left out is, in ever smaller pieces. */
export async function shrink(
  operations: readonly Operation[],
  hardware: Hardware,
  tries = 400,
): Promise<Operation[]> {
  const kind = kindOf((await replay(operations, hardware)) ?? "");
  let best = [...operations];
  let left = tries;
  for (let piece = Math.ceil(best.length / 2); piece >= 1; piece = Math.floor(piece / 2)) {
    for (let at = 0; at < best.length && left > 0; ) {
      const without = [...best.slice(0, at), ...best.slice(at + piece)];
      left--;
      if (kindOf((await replay(without, hardware)) ?? "") === kind) best = without;
      else at += piece;
    }
    if (left <= 0) break;
  }
  return best;
}
