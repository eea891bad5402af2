// The bench programs as a test: real asc output, results equal to V8's. How long they take is not judged.

import { expect, test } from "vitest";
import { runBench } from "./bench.ts";
import { canRunNative } from "./fuzz/harness.ts";

test.skipIf(!canRunNative)(
  "bench programs return what V8 returns (needs x86-64 Linux)",
  async () => {
    // runBench throws where results differ.
    const result = await runBench([], 1, 1);
    expect(result.rows.length).toBeGreaterThanOrEqual(8);
  },
);
