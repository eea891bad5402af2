// One benchmark in v86, in a process of its own: node run.ts ROM MIB RUNS. Prints the milliseconds of processor time
// between the marks of the best run, and the result, as JSON.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { MARK_END, MARK_START } from "../workload.ts";

const RESULT_BYTES = 8;

/** What is used of v86's interface. */
interface Emulator {
  add_listener(event: "serial0-output-byte", listener: (byte: number) => void): void;
  destroy(): Promise<void>;
}
type V86 = new (options: object) => Emulator;

const processorMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

function run(
  make: V86,
  wasm: string,
  rom: Uint8Array,
  mib: number,
): Promise<{ ms: number; result: string }> {
  return new Promise((resolve) => {
    const output: number[] = [];
    let ms = 0;
    const emulator = new make({
      wasm_path: wasm,
      bios: { buffer: rom.buffer },
      memory_size: mib * 2 ** 20,
      vga_memory_size: 2 * 2 ** 20,
      autostart: true,
      disable_speaker: true,
    });
    emulator.add_listener("serial0-output-byte", (byte) => {
      if (output.length === 0 && byte === MARK_START) ms = processorMs();
      else if (output.length === 1 && byte === MARK_END) ms = processorMs() - ms;
      output.push(byte);
      if (output.length < 2 + RESULT_BYTES) return;
      const bytes = Uint8Array.from(output.slice(-RESULT_BYTES));
      const result = new DataView(bytes.buffer).getBigUint64(0, true).toString();
      void emulator.destroy().then(() => resolve({ ms, result }));
    });
  });
}

const [file = "", mib = "", runs = ""] = process.argv.slice(2);
const main = createRequire(import.meta.url).resolve("v86");
const { V86 } = (await import(pathToFileURL(main).href)) as { V86: V86 };
const rom = Uint8Array.from(readFileSync(file));
let best = await run(V86, join(dirname(main), "v86.wasm"), rom, Number(mib));
for (let i = 1; i < Number(runs); i++) {
  const next = await run(V86, join(dirname(main), "v86.wasm"), rom, Number(mib));
  if (next.ms < best.ms) best = next;
}
process.stdout.write(JSON.stringify(best));
process.exit();
