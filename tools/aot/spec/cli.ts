// `npm run spec:aot -- DIR…`: runs the specification's test scripts of a folder against the compiler and
// prints for each file what passed, failed and was skipped and why. Takes the .json files that
// wast2json (WABT) writes; .wast files are converted where that command is installed.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { Command } from "commander";
import { canRunNative } from "../fuzz/harness.ts";
import { SpecScript } from "./suite.ts";

/** The scripts a path stands for. */
function scripts(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  const names = readdirSync(path).filter((name) => /\.(json|wast)$/.test(name));
  // A folder of converted scripts may hold the originals as well.
  const converted = new Set(names.filter((n) => n.endsWith(".json")).map((n) => n.slice(0, -5)));
  return names
    .filter((name) => !name.endsWith(".wast") || !converted.has(name.slice(0, -5)))
    .sort()
    .map((name) => join(path, name));
}

/** Gives table instructions the index 0 that scripts may leave out, but WABT 1.0.32 wants. */
function withTableIndices(text: string): string {
  return text
    .replace(/\(table\.(fill|get|grow|set) \(/g, "(table.$1 0 (")
    .replace(/(?<=\) )table\.size\)/g, "table.size 0)");
}

/** The .json form of a script, or why there is none. */
function converted(path: string, directory: string): { json: string } | { problem: string } {
  if (path.endsWith(".json")) return { json: path };
  const json = join(directory, `${basename(path, ".wast")}.json`);
  const script = join(directory, basename(path));
  writeFileSync(script, withTableIndices(readFileSync(path, "utf8")));
  const run = spawnSync("wast2json", ["--enable-tail-call", script, "-o", json], {
    encoding: "utf8",
  });
  if (run.error) return { problem: "needs wast2json, which Debian's package wabt has" };
  if (run.status !== 0) return { problem: `wast2json: ${run.stderr.split("\n")[0]}` };
  return { json };
}

new Command("spec:aot")
  .description("Runs the WebAssembly specification's tests against the compiler.")
  .argument("<path...>", "scripts, or folders of them: .json by wast2json, or .wast")
  .action((paths: string[]) => {
    if (!canRunNative) {
      console.error("spec:aot: compiled programs run on x86-64 Linux only");
      process.exitCode = 1;
      return;
    }
    const directory = mkdtempSync(join(tmpdir(), "spec-"));
    const total = { passed: 0, failed: 0, skipped: 0 };
    try {
      for (const path of paths.flatMap(scripts)) {
        const script = converted(path, directory);
        if ("problem" in script) {
          console.log(`${basename(path)}: skipped, ${script.problem}`);
          continue;
        }
        const { passed, failures, skipped } = new SpecScript(script.json).run();
        const count = [...skipped.values()].reduce((a, b) => a + b, 0);
        const reasons = [...skipped].map(([reason, n]) => `${n} ${reason}`).join(", ");
        console.log(
          `${basename(path)}: ${passed} passed, ${failures.length} failed, ${count} skipped${count ? ` (${reasons})` : ""}`,
        );
        for (const failure of failures) console.log(`  line ${failure}`);
        total.passed += passed;
        total.failed += failures.length;
        total.skipped += count;
      }
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
    console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
    if (total.failed > 0) process.exitCode = 1;
  })
  .parse();
