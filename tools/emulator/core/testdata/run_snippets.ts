// Runs a guest that prints a line for each of its snippets on port 0xE9 and ends by isa-debug-exit.

import { Machine } from "../../host/machine.ts";

/** Far more instructions than a guest has. */
const LIMIT = { instructions: 50_000_000 };

/** Runs the guest in this core to its end; the machine, and what it printed. Throws an error if it ends otherwise. */
export async function runSnippets(
  kernel: Uint8Array,
  cpu = "default",
): Promise<{ machine: Machine; text: string; lines: string[] }> {
  let text = "";
  const machine = await Machine.create({
    kernel,
    memory: "64M",
    cpu,
    debugExit: { iobase: 0xf4, iosize: 4 },
    onDebugConsole: (byte) => {
      text += String.fromCharCode(byte);
    },
  });
  const { kind } = machine.runSync(LIMIT);
  if (kind !== "debug-exit") throw new Error(`the guest ended by ${kind} after\n${text}`);
  return { machine, text, lines: text.trimEnd().split("\n") };
}

/** "vector code" of a line. */
export const outcomeOf = (line: string | undefined): string =>
  (line ?? "")
    .split(" ")
    .slice(0, 2)
    .map((field) => BigInt(`0x${field || 0}`).toString(16))
    .join(" ");
