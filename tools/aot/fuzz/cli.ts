// `npm run fuzz:aot -- --cases N`: compares compiled code with V8 until N calls have agreed.
// A failing module is written to the directory given by --keep, with its seed in the name.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import type { TargetName } from "../targets/target.ts";
import { hasBinaryen } from "./binaryen.ts";
import { FEWEST_REGISTERS, fuzzBinaryen, fuzzOnce } from "./differential.ts";
import { canRunNative } from "./harness.ts";

function count(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("a whole number");
  return Number(text);
}

const program = new Command("fuzz:aot")
  .description("Runs random wasm modules through the compiler and through V8 and compares.")
  .option("--cases <n>", "calls to compare", count, 100_000)
  .option("--seed <n>", "first seed", count, 1)
  .option("--functions <n>", "functions per module", count, 40)
  .option("--inputs <n>", "calls per function", count, 30)
  .option("--registers <n>", "registers to allocate; 0 varies them by module", count, 0)
  .addOption(
    new Option("--target <name>", "native needs root: its memory is at address 0")
      .choices(["kernel", "native", "linux", "uefi"])
      .default("linux"),
  )
  .addOption(
    new Option(
      "--generator <name>",
      "whose modules: Binaryen's need its wasm-opt, and target linux",
    )
      .choices(["own", "binaryen"])
      .default("own"),
  )
  .option("--keep <dir>", "where failing modules go", "build/fuzz")
  .action(
    (o: {
      cases: number;
      seed: number;
      functions: number;
      inputs: number;
      registers: number;
      keep: string;
      generator: "own" | "binaryen";
      target: TargetName;
    }) => {
      if (!canRunNative) {
        console.error("fuzz:aot: compiled programs run on x86-64 Linux only");
        process.exitCode = 1;
        return;
      }
      const binaryen = o.generator === "binaryen";
      if (binaryen && (o.target !== "linux" || !hasBinaryen())) {
        console.error(
          "fuzz:aot: Binaryen's generator needs target linux and wasm-opt, which Debian's package binaryen has",
        );
        process.exitCode = 1;
        return;
      }
      const start = Date.now();
      let cases = 0;
      let traps = 0;
      let failures = 0;
      for (let seed = o.seed; cases < o.cases && failures < 20; seed++) {
        const registers = o.registers || (seed % 3 === 0 ? 16 : FEWEST_REGISTERS + (seed % 7));
        const { functions, inputs, target } = o;
        const result = binaryen
          ? fuzzBinaryen({ seed, inputs, registers })
          : fuzzOnce({ seed, functions, inputs, target, extended: seed % 4 !== 0, registers });
        if (!result) continue;
        cases += result.cases;
        traps += result.traps;
        if (result.failure) {
          failures++;
          mkdirSync(o.keep, { recursive: true });
          writeFileSync(join(o.keep, `seed-${seed}.wasm`), result.module.bytes);
          console.log(`seed ${seed}: ${result.failure}`);
        }
      }
      const seconds = (Date.now() - start) / 1000;
      console.log(
        `${cases} calls (${traps} of them traps), ${failures} mismatches, ${seconds.toFixed(1)} s, ${Math.round(cases / seconds)} calls/s`,
      );
      if (failures > 0) process.exitCode = 1;
    },
  );

program.parse();
