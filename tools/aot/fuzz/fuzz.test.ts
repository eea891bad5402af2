// The compiler against V8 on random modules: fixed seeds, a few thousand calls.

import { describe, expect, test } from "vitest";
import { hasBinaryen } from "./binaryen.ts";
import { FEWEST_REGISTERS, fuzzBinaryen, fuzzOnce } from "./differential.ts";
import { canRunNative } from "./harness.ts";

/** Seeds that once failed: constants under extensions, reloads at block starts, temporaries. */
const REGRESSIONS = [100_012, 100_063, 100_624, 100_722, 300_026, 400_112, 400_949];

describe.skipIf(!canRunNative)("compiled code agrees with V8 (needs x86-64 Linux)", () => {
  test.each(REGRESSIONS)("seed %i, which failed before", (seed) => {
    expect(fuzzOnce({ seed, functions: 40, inputs: 10 }).failure).toBeUndefined();
  });

  test("on random functions, arguments, memory, globals and traps", () => {
    let cases = 0;
    let traps = 0;
    for (let seed = 1; cases < 6000; seed++) {
      const result = fuzzOnce({ seed, functions: 40, inputs: 20 });
      expect(result.failure, `seed ${seed}`).toBeUndefined();
      cases += result.cases;
      traps += result.traps;
    }
    // Both kinds of outcome must be there, or the programs have become pointless.
    expect(traps).toBeGreaterThan(cases / 50);
    expect(traps).toBeLessThan(cases / 2);
  });

  test("on tail calls, references and vectors", () => {
    for (let seed = 700; seed < 720; seed++) {
      const registers = seed % 2 === 0 ? 16 : FEWEST_REGISTERS + (seed % 5);
      const { failure } = fuzzOnce({ seed, functions: 30, inputs: 8, extended: true, registers });
      expect(failure, `seed ${seed}`).toBeUndefined();
    }
  });

  test.skipIf(!hasBinaryen())("on modules of Binaryen's generator (needs wasm-opt)", () => {
    let cases = 0;
    for (let seed = 9; seed < 13; seed++) {
      const result = fuzzBinaryen({ seed, inputs: 4, registers: seed % 2 === 0 ? 16 : 6 });
      expect(result?.failure, `seed ${seed}`).toBeUndefined();
      cases += result?.cases ?? 0;
    }
    expect(cases).toBeGreaterThan(200);
  });

  test.each([FEWEST_REGISTERS, 6, 7, 9])("with %i registers to allocate", (registers) => {
    for (let seed = 500; seed < 508; seed++) {
      const { failure } = fuzzOnce({ seed, functions: 40, inputs: 5, registers });
      expect(failure, `seed ${seed}`).toBeUndefined();
    }
  });

  test.each(["kernel", "native", "uefi"] as const)("in target %s, inside the memory", (target) => {
    for (let seed = 1; seed <= 8; seed++) {
      const { failure } = fuzzOnce({ seed, functions: 40, inputs: 10, target });
      // Address 0 is for root alone.
      if (target === "native" && failure === "address 0 cannot be mapped") return;
      expect(failure, `seed ${seed}`).toBeUndefined();
    }
  });
});
