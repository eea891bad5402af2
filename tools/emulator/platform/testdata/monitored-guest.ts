// A guest whose script goes in parts: behind each it waits for a key, and the monitor is asked meanwhile; here and on QEMU.

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { QEMU } from "../../../testing/host-tools.ts";
import { RunControl } from "../../debug/run-control.ts";
import { Machine, type MachineOptions } from "../../host/machine.ts";
import { Monitor } from "../../monitor/monitor.ts";
import { type Access, busGuest, encodeScript, shown } from "./bus-guest.ts";
import { BY_INSTRUCTIONS } from "./qemu.ts";

/** More than any story takes. */
const TIMEOUT_MS = 30_000;

/** Parts of a script, and what the monitor is told behind each but the last; the first one reads something. */
export interface Story {
  machine: "q35" | "pc";
  parts: readonly (readonly Access[])[];
  lines: readonly (readonly string[])[];
}

const READY: readonly Access[] = [
  ["until-port-set", 0x64, 1],
  ["in", 0x60, 1, 0],
  ["until-port-set", 0x64, 1],
  ["in", 0x60, 1, 0],
];

const scriptOf = ({ parts }: Story): Access[] =>
  parts.flatMap((part, i) => (i === 0 ? part : [...READY, ...part]));

const readsOf = (part: readonly Access[]): number =>
  part.filter(([kind]) => kind === "in" || kind === "load").length;

/** Lines of output that there are when the guest waits behind each part. */
function marks({ parts }: Story): number[] {
  let lines = 0;
  return parts.slice(0, -1).map((part, i) => {
    lines += readsOf(part) + (i === 0 ? 0 : 2);
    return lines;
  });
}

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 10));

/** What it reads on QEMU, with these options. */
export async function onQemu(story: Story, extra: readonly string[]): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), "emu-story-"));
  const file = (name: string): string => join(folder, name);
  const script = scriptOf(story);
  writeFileSync(file("kernel"), busGuest());
  writeFileSync(file("script"), encodeScript(script));
  writeFileSync(file("out"), "");
  const child = spawn(
    QEMU,
    [
      ...["-accel", "tcg", "-machine", story.machine, "-display", "none", "-no-reboot"],
      ...["-kernel", file("kernel"), "-initrd", file("script"), "-serial", "none"],
      ...["-debugcon", `file:${file("out")}`, "-device", "isa-debug-exit,iobase=0xf4,iosize=4"],
      ...[...BY_INSTRUCTIONS, "-monitor", "stdio", ...extra],
    ],
    { stdio: ["pipe", "ignore", "ignore"], timeout: TIMEOUT_MS },
  );
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
  const output = (): string => readFileSync(file("out"), "latin1");
  for (const [i, mark] of marks(story).entries()) {
    while (output().split("\n").length <= mark && child.exitCode === null) await turn();
    child.stdin.write(`${[...(story.lines[i] ?? []), "sendkey a 1"].join("\n")}\n`);
  }
  await ended;
  const said = output();
  rmSync(folder, { recursive: true, force: true });
  return shown(script, said);
}

/** The same here. */
export async function here(story: Story, options: MachineOptions): Promise<string[]> {
  const script = scriptOf(story);
  let output = "";
  const machine = await Machine.create({
    machine: story.machine,
    kernel: busGuest(),
    modules: [{ file: encodeScript(script) }],
    ...options,
    debugExit: { iobase: 0xf4, iosize: 4 },
    onDebugConsole: (b) => {
      output += String.fromCharCode(b);
    },
  });
  const monitor = new Monitor(new RunControl(machine, true), { quit() {} });
  for (const [i, mark] of marks(story).entries()) {
    for (let n = 0; output.split("\n").length <= mark && n < 100; n++) {
      machine.runSync({ nanoseconds: 1e6 });
    }
    for (const line of story.lines[i] ?? []) await monitor.execute(line);
    await monitor.execute("sendkey a 1");
  }
  machine.runSync({ nanoseconds: 1e9 });
  machine.close();
  return shown(script, output);
}
