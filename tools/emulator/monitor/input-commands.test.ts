// Keys and mouse of the monitor: what a guest gets of them, on QEMU as here, and when.

import { expect, test } from "vitest";
import { hasQemu } from "../../testing/host-tools.ts";
import { RunControl } from "../debug/run-control.ts";
import { KEYS } from "../devices/keys.ts";
import { Machine } from "../host/machine.ts";
import type { RecordedInput } from "../input.ts";
import { Monitor } from "./monitor.ts";
import { inputGuest } from "./testdata/input-guest.ts";
import { QemuMonitor } from "./testdata/qemu-monitor.ts";

async function machineWithMonitor() {
  const machine = await Machine.create({ kernel: inputGuest(), memory: "16M" });
  const monitor = new Monitor(new RunControl(machine, false), { quit() {} });
  await machine.run({ until: "ready " });
  return { machine, monitor };
}

/** Executes commands, with time between them for what they set going. */
async function obey(lines: readonly string[]) {
  const { machine, monitor } = await machineWithMonitor();
  const answers: string[] = [];
  for (const line of lines) {
    answers.push(await monitor.execute(line));
    machine.runSync({ nanoseconds: 50_000_000 });
  }
  return { machine, answers };
}

const LINES = [
  "sendkey a 1",
  "sendkey ctrl-alt-f1 1",
  "sendkey shift-a-b 2",
  "sendkey pgup 1",
  "sendkey 0x1e 1",
  "sendkey 0xc8 1",
  "sendkey meta_l-spc 1",
  "mouse_move 5 3",
  "mouse_button 1",
  "mouse_move -2 7",
  "mouse_button 2",
  "mouse_button 4",
  "mouse_button 0",
  "sendkey esc 1",
];

test.skipIf(!hasQemu)("a guest gets what it gets on QEMU", async () => {
  const qemu = await QemuMonitor.until("ready ", inputGuest());
  try {
    for (const line of LINES) {
      const before = qemu.serial.length;
      expect(await qemu.human(line)).toBe("");
      // Both machines get their input one after the other.
      while (qemu.serial.length === before || !qemu.serial.endsWith(" ")) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
    await qemu.ended();
    const { machine, answers } = await obey(LINES);
    expect(answers.join("")).toBe("");
    expect(machine.serialOutput).toBe(qemu.serial);
  } finally {
    qemu.close();
  }
});

test.skipIf(!hasQemu)("QEMU knows every key by its name", async () => {
  const qemu = await QemuMonitor.until("ready ", inputGuest());
  try {
    for (const { name } of KEYS.slice(1))
      expect(await qemu.human(`sendkey ${name} 1`), name).toBe("");
  } finally {
    qemu.close();
  }
});

test("a run with keys is repeated by what it has recorded", async () => {
  const { machine, monitor } = await machineWithMonitor();
  const start = machine.snapshot();
  const inputs: RecordedInput[] = [];
  machine.onInput = (input) => inputs.push(input);
  for (const line of ["sendkey a", "sendkey shift-b 30", "mouse_move 1 1", "sendkey esc"]) {
    await monitor.execute(line);
    machine.runSync({ nanoseconds: 3_333_333 });
  }
  expect(await machine.run()).toEqual({ kind: "power-off" });
  const hash = machine.stateHash();
  machine.onInput = undefined;
  machine.restore(start);
  machine.replay(inputs);
  expect(await machine.run()).toEqual({ kind: "power-off" });
  expect(machine.stateHash()).toBe(hash);
});

test.each([
  ["sendkey", /^sendkey: expected keys, such as ctrl-alt-f1\n$/],
  ["sendkey foo", /^sendkey: invalid parameter: foo; keys are/],
  ["sendkey a-", /invalid parameter: ;/],
  ["sendkey 0x0", /invalid parameter: 0x0;/],
  ["sendkey 0x1ff", /invalid parameter: 0x1ff;/],
  ["sendkey a -1", /-1: expected milliseconds, 0 to 60000/],
  ["sendkey a 10 20", /extraneous characters at the end of line: 20/],
  [`sendkey ${Array(17).fill("a").join("-")}`, /17 keys: at most 16/],
  ["mouse_move 1", /expected dx and dy/],
  ["mouse_move 1 x", /x: expected steps downwards/],
  ["mouse_move 1 99999999", /99999999: expected steps downwards, -32767 to 32767/],
  ["mouse_button 9", /9: expected the sum of 1 left, 2 right and 4 middle, 0 to 7/],
])("%s is refused in one line", async (line, message) => {
  const { answers } = await obey([line]);
  expect(answers[0]).toMatch(message);
  expect(answers[0]?.split("\n").length).toBe(2);
});

test("keys that nobody takes are refused when too many wait", async () => {
  const { monitor } = await machineWithMonitor();
  let answer = "";
  for (let i = 0; i < 2000 && answer === ""; i++) answer = await monitor.execute("sendkey a");
  expect(answer).toMatch(/^sendkey: \d+ events wait already/);
});
