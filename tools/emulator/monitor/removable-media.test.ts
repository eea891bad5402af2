// Media that are changed while a machine runs: in snapshots, in recordings, in files, and for the BIOS.

import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { RunControl } from "../debug/run-control.ts";
import { closeImage, openImage } from "../host/image-file.ts";
import { Machine, type MachineOptions } from "../host/machine.ts";
import type { RecordedInput } from "../input.ts";
import { inputLines, readRecording, startLine } from "../recording.ts";
import { Monitor } from "./monitor.ts";
import { inputGuest } from "./testdata/input-guest.ts";

const folder = mkdtempSync(join(tmpdir(), "emu-removable-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string): string => join(folder, name);
const write = (name: string, kib: number, fill: number): void =>
  writeFileSync(file(name), new Uint8Array(kib * 1024).fill(fill));
write("a.iso", 64, 1);
write("b.iso", 128, 2);
write("f.img", 1440, 3);

async function start(options: MachineOptions = {}) {
  const machine = await Machine.create({
    memory: "16M",
    disks: [
      { kind: "cdrom", image: file("a.iso") },
      { kind: "floppy", persistent: true },
    ],
    ...options,
  });
  const monitor = new Monitor(new RunControl(machine, true), { quit() {} });
  const first = (n = 0): number | undefined => machine.drives[n]?.read(0, 1)?.[0];
  return { machine, monitor, ask: (line: string) => monitor.execute(line), first };
}

test("snapshots hold what is in the drives, and bring it back", async () => {
  const one = await start();
  const before = one.machine.snapshot();
  const atFirst = one.machine.stateHash();
  expect(await one.ask(`change ide0-cd0 ${file("b.iso")}`)).toBe("");
  expect(one.first()).toBe(2);
  const changed = one.machine.snapshot();
  const hash = one.machine.stateHash();
  expect(hash).not.toBe(atFirst);
  await one.ask("eject ide0-cd0");
  const empty = one.machine.snapshot();
  const other = await start();
  other.machine.restore(changed);
  expect([other.machine.stateHash(), other.first()]).toEqual([hash, 2]);
  other.machine.restore(empty);
  expect(other.first()).toBeUndefined();
  expect(await other.ask("info block")).toContain("ide0-cd0: [not inserted]");
  for (const { machine, first } of [one, other]) {
    machine.restore(before);
    expect([machine.stateHash(), first()]).toEqual([atFirst, 1]);
  }
  renameSync(file("b.iso"), file("gone"));
  expect(() => other.machine.restore(changed)).toThrow(/b\.iso: there is no such file/);
  expect(other.machine.stateHash()).toBe(atFirst);
  renameSync(file("gone"), file("b.iso"));
  one.machine.close();
  other.machine.close();
});

test("media that are changed are recorded, and changed again by a replay", async () => {
  const kernel = inputGuest();
  const one = await start({ kernel });
  const state = one.machine.stateHash();
  const lines: string[] = [startLine({ state })];
  one.machine.onInput = (input: RecordedInput) => lines.push(inputLines(input));
  one.machine.runSync({ nanoseconds: 3e6 });
  await one.ask(`change ide0-cd0 ${file("b.iso")} raw`);
  one.machine.runSync({ nanoseconds: 3e6 });
  await one.ask("eject -f ide0-cd0");
  await one.ask(`change floppy0 ${file("f.img")} raw read-only`);
  one.machine.runSync({ nanoseconds: 3e6 });
  const { inputs } = readRecording(lines.join(""), "recording");
  expect(inputs.length).toBe(lines.length - 1);
  const other = await start({ kernel });
  other.machine.replay(inputs);
  other.machine.acceptsInput = false;
  expect(await other.ask("eject ide0-cd0")).toMatch(/^eject: a replay takes no media/);
  for (let i = 0; i < 3; i++) other.machine.runSync({ nanoseconds: 3e6 });
  expect(other.machine.stateHash()).toBe(one.machine.stateHash());
  expect([other.first(0), other.first(1)]).toEqual([undefined, 3]);
  one.machine.close();
  other.machine.close();
});

test("an image that is taken out has what was written, and others may have it", async () => {
  const { machine, ask } = await start();
  await ask(`change floppy0 ${file("f.img")}`);
  expect(machine.drives[1]?.write(0, new Uint8Array(512).fill(9))).toBe(true);
  expect(() => machine.snapshot()).toThrow(/writes to its image/);
  expect(() => openImage(file("f.img"), { writable: true })).toThrow(/lock/);
  // The same image again, by the drive that has it.
  expect(await ask(`change floppy0 ${file("f.img")}`)).toBe("");
  await ask("eject floppy0");
  expect(readFileSync(file("f.img"))[511]).toBe(9);
  closeImage(openImage(file("f.img"), { writable: true }));
  machine.snapshot();
  machine.close();
});

test("what is kept beside an image is written to it by commit, alone", async () => {
  write("hd", 1024, 5);
  write("hd2", 1024, 6);
  const { machine, ask, first } = await start({
    disks: [
      { kind: "disk", image: file("hd") },
      { kind: "disk", image: file("hd2") },
      { kind: "cdrom", index: 3 },
      { kind: "cdrom", image: file("a.iso"), index: 4 },
    ],
  });
  for (const [line, answer] of [
    ["commit foo", "Device 'foo' not found\n"],
    ["commit ide3-cd0", "Device 'ide3-cd0' has no medium\n"],
    ["commit ide4-cd0", "'commit' error for 'ide4-cd0': Operation not supported\n"],
    ["commit ide0-hd0", ""],
    ["commit all", ""],
  ]) {
    expect(await ask(line as string)).toBe(answer);
  }
  const disks = machine.drives.slice(0, 2);
  for (const disk of disks) disk.write(1, new Uint8Array(512).fill(9));
  const before = machine.snapshot();
  expect(await ask("commit ide0-hd0")).toBe("");
  expect([readFileSync(file("hd"))[512], readFileSync(file("hd2"))[512]]).toEqual([9, 6]);
  expect([first(), disks[0]?.read(1, 1)?.[0], disks[0]?.hasUncommitted]).toEqual([5, 9, false]);
  // What was there when the snapshot was taken has gone.
  expect(() => machine.restore(before)).toThrow(/commit has changed its image/);
  const after = machine.snapshot();
  const hash = machine.stateHash();
  disks[0]?.write(2, new Uint8Array(512).fill(7));
  machine.restore(after);
  expect(machine.stateHash()).toBe(hash);
  // Nobody may write it meanwhile: what is kept stays.
  disks[0]?.write(2, new Uint8Array(512).fill(8));
  renameSync(file("hd2"), file("gone"));
  writeFileSync(file("hd2"), new Uint8Array(0));
  expect(await ask("commit all")).toMatch(/'commit' error for 'ide1-hd0': /);
  expect([disks[1]?.hasUncommitted, disks[1]?.read(0, 1)]).toEqual([true, undefined]);
  expect(readFileSync(file("hd"))[1024]).toBe(8);
  machine.close();
});

test("what is no medium is refused, and the drive keeps its own", async () => {
  const { machine, ask, first } = await start();
  write("large", 4096, 0);
  for (const [line, answer] of [
    [
      `change floppy0 ${file("large")}`,
      /^Error: Could not open '.*large': 4194304 bytes, expected/,
    ],
    [`change ide0-cd0 ${folder}`, /^Error: Could not open '.*': it is a directory/],
    [`change ide0-cd0 ${file("b.iso")} vmdk`, /^change: there is no reader for vmdk images/],
    [`change ide0-cd0 ${file("b.iso")} raw foo`, /^change: invalid parameter value: foo/],
    ["change ide0-cd0", /^change: expected the name of an image file/],
  ] as const) {
    expect(await ask(line)).toMatch(answer);
  }
  expect(first()).toBe(1);
  machine.close();
});

test("the BIOS boots what was put into an empty drive, and nothing from a tray that is open", async () => {
  const image = new Uint8Array(1474560);
  // MOV AL, 'B'; OUT 0E9h, AL; MOV SI, 7C00h + 9; JMP $
  image.set([0xb0, 0x42, 0xe6, 0xe9, 0xeb, 0xfe]);
  image.set([0x55, 0xaa], 510);
  writeFileSync(file("boot.img"), image);
  let said = "";
  const { machine, ask } = await start({
    disks: [{ kind: "floppy" }, { kind: "cdrom" }],
    onDebugConsole: (byte) => {
      said += String.fromCharCode(byte);
    },
  });
  expect(machine.runSync()).toMatchObject({ kind: "unbootable" });
  await ask(`change floppy0 ${file("boot.img")}`);
  machine.reset();
  machine.runSync({ nanoseconds: 1e7 });
  expect(said).toBe("B");
  await ask("eject floppy0");
  machine.reset();
  expect(machine.runSync()).toMatchObject({ kind: "unbootable" });
  machine.close();
});
