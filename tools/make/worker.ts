// Entry of a worker process: takes job after job from make and answers each. See workers.ts.

import * as jobs from "./jobs.ts";
import type { Answer, Order } from "./workers.ts";

const table = jobs as unknown as Record<string, (options: unknown) => Promise<unknown>>;

/** Error classes whose message is written for people; SyntaxError is one in a builder's TypeScript. */
const EXPLAINED =
  /^(MakeError|AscError|LinkError|ElfError|AsmError|WasmError|CompileError|BootImageError|SyntaxError)$/;

process.on("message", async (order: Order) => {
  let answer: Answer;
  try {
    const job = table[order.name];
    if (!job) throw new Error(`worker: no job is called ${order.name}`);
    answer = { ok: true, value: await job(order.options) };
  } catch (error) {
    const problem = error instanceof Error ? error : new Error(String(error));
    const explained = EXPLAINED.test(problem.name);
    answer = { ok: false, message: problem.message, stack: problem.stack ?? "", explained };
  }
  process.send?.(answer);
});

// The parent went away without saying so.
process.on("disconnect", () => process.exit(1));
