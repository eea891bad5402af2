// The bench programs as a test: real asc output, results equal to V8's, and no gross slowness.

import { expect, test } from "vitest";
import { formatBench, runBench } from "./bench.ts";
import { canRunNative } from "./fuzz/harness.ts";

test.skipIf(!canRunNative)(
  "bench programs return what V8 returns, in comparable time (needs x86-64 Linux)",
  async () => {
    // runBench throws where results differ.
    const result = await runBench([], 2, 1);
    expect(result.rows.length).toBeGreaterThanOrEqual(8);
    // The goal is 1.5; a busy machine gets some room.
    expect(result.geometricMean, formatBench(result)).toBeLessThan(2.5);
  },
);
