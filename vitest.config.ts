// Vitest finds the tests beside what they test.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["**/*.test.ts"],
    exclude: ["node_modules/**", "build/**"],
    // Only what hangs ends here: on a loaded machine of two cores everything may take many times as long.
    testTimeout: 20 * 60_000,
    hookTimeout: 20 * 60_000,
    maxWorkers: 2,
    // Oracles speak the language of the host otherwise.
    env: { LC_ALL: "C" },
  },
});
