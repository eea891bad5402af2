// Vitest finds the tests beside what they test. What executes guest code runs twice: as machines do that do not say how,
// and with every block compiled when it is first entered.
import { defineConfig } from "vitest/config";

/**
 * Not these: the browser's bundle, the screen, what has its own modes, arithmetic alone, and what takes ten minutes and more to compile whole: random bytes as
 * code, and boot loaders with the systems behind them. `.ci/run` has them compiled where they are hot.
 */
const NOT_COMPILED = [
  ...["portable", "display", "display-oracle", "platform/video-memory"],
  ...["core/product", "core/quick-float", "core/softfloat", "core/stress"],
];

/** Tests of the emulator that depend on how it executes: not those of files, commands and tables, or with their own modes. */
const EXECUTING = [
  "tools/emulator/*.test.ts",
  "tools/emulator/{core,debug,inspect,platform}/*.test.ts",
  "tools/emulator/platform/firmware/{bios,faults,keyboard-services,services-oracle}.test.ts",
];

export default defineConfig({
  test: {
    // Only what hangs ends here: on a loaded machine of two cores everything may take many times as long.
    testTimeout: 20 * 60_000,
    hookTimeout: 20 * 60_000,
    maxWorkers: 2,
    // Oracles speak the language of the host otherwise.
    env: { LC_ALL: "C" },
    projects: [
      {
        extends: true,
        test: {
          name: "all",
          include: ["**/*.test.ts"],
          exclude: ["node_modules/**", "build/**"],
        },
      },
      {
        extends: true,
        test: {
          name: "compiled",
          include: EXECUTING,
          exclude: NOT_COMPILED.map((name) => `tools/emulator/${name}.test.ts`),
          env: { EMU_ACCEL: "jit,threshold=0" },
        },
      },
    ],
  },
});
