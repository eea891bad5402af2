// Media that are changed by the monitor, beside QEMU: the same lines and requests, the same answers and events.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hasQemu } from "../../testing/host-tools.ts";
import { RunControl } from "../debug/run-control.ts";
import { Machine } from "../host/machine.ts";
import { Monitor } from "./monitor.ts";
import { Pointer } from "./pointer.ts";
import { QmpSession } from "./qmp.ts";
import { inputGuest } from "./testdata/input-guest.ts";
import { QemuMonitor, type QmpMessage } from "./testdata/qemu-monitor.ts";

const folder = mkdtempSync(join(tmpdir(), "emu-media-"));
const file = (name: string): string => join(folder, name);
beforeAll(() => {
  for (const [name, kib] of Object.entries({
    "a.iso": 64,
    "b.iso": 128,
    "f.img": 1440,
    "g.img": 1440,
    hd: 1024,
  })) {
    writeFileSync(file(name), new Uint8Array(kib * 1024));
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function ours() {
  const machine = await Machine.create({
    kernel: inputGuest(),
    memory: "16M",
    disks: [
      { kind: "cdrom", image: file("a.iso"), index: 2 },
      { kind: "disk", image: file("hd"), index: 0 },
      { kind: "floppy", persistent: true },
      { kind: "cdrom", index: 3, id: "spare", deviceId: "dev3" },
    ],
  });
  return { machine, control: new RunControl(machine, true) };
}

const drive = (what: string): string[] => ["-drive", what];
const QEMU_DRIVES = (): string[] => [
  ...drive(`file=${file("a.iso")},format=raw,media=cdrom,index=2`),
  ...drive(`file=${file("hd")},format=raw,index=0,snapshot=on`),
  ...drive("if=floppy"),
  ...["-drive", "if=none,id=spare,media=cdrom", "-device", "ide-cd,bus=ide.3,drive=spare,id=dev3"],
];

/** What `info block` says of a drive, without what differs by its nature: names of nodes, places and sizes. */
const told = (text: string, name: string): string[] =>
  (text.split("\n\n").find((part) => part.startsWith(name)) ?? "")
    .trimEnd()
    .split("\n")
    .map((line) => line.replace(/ \(#\w+\)/, ""))
    .filter((line) => !line.includes("Attached to:"));

/** QEMU and this emulator cannot both write one file. */
const LINES = (floppy: string): string[] => [
  "commit foo",
  "commit spare",
  "commit ide2-cd0",
  "commit ide0-hd0",
  "commit all",
  "eject foo",
  "eject ide0-hd0",
  `change ide0-hd0 ${file("a.iso")} raw`,
  `change foo ${file("a.iso")}`,
  "eject ide2-cd0",
  "eject ide2-cd0",
  `change ide2-cd0 ${file("b.iso")} raw`,
  `change ide2-cd0 ${file("a.iso")} foo`,
  `change ide2-cd0 -f ${file("a.iso")} raw read-only`,
  `change spare ${file("b.iso")} raw`,
  "eject -f spare",
  "eject floppy0",
  `change floppy0 ${floppy} raw`,
  `change floppy0 ${floppy} raw read-only`,
  "eject floppy0",
];

test.skipIf(!hasQemu)("lines are answered and drives are told of as by QEMU", async () => {
  const qemu = await QemuMonitor.until("", inputGuest(), true, QEMU_DRIVES());
  const { machine, control } = await ours();
  try {
    const monitor = new Monitor(control, { quit() {} });
    const theirLines = LINES(file("f.img"));
    for (const [i, line] of LINES(file("g.img")).entries()) {
      const answers = [await monitor.execute(line), await qemu.human(theirLines[i] ?? "")];
      expect({ line, answer: answers[0] }).toEqual({ line, answer: answers[1] });
      const [mine, theirs] = [await monitor.execute("info block"), await qemu.human("info block")];
      for (const name of ["ide2-cd0", "floppy0", "spare"]) {
        const all = told(theirs, name).map((text) => text.replace("f.img", "g.img"));
        expect({ line, told: told(mine, name) }).toEqual({ line, told: all });
      }
    }
  } finally {
    qemu.close();
    machine.close();
  }
});

const REQUESTS = (floppy: string): object[] => {
  const to = (execute: string, args: object): object => ({ execute, arguments: args });
  const cd = { device: "ide2-cd0" };
  const spare = { id: "dev3" };
  return [
    to("eject", {}),
    to("eject", { ...cd, ...spare }),
    to("eject", { device: "foo" }),
    to("eject", { id: "foo" }),
    to("blockdev-remove-medium", { id: "foo" }),
    to("blockdev-open-tray", { device: "ide0-hd0" }),
    to("blockdev-close-tray", { device: "ide0-hd0" }),
    to("blockdev-remove-medium", spare),
    to("blockdev-open-tray", spare),
    to("blockdev-open-tray", spare),
    to("blockdev-remove-medium", spare),
    to("blockdev-close-tray", spare),
    to("blockdev-close-tray", spare),
    to("blockdev-change-medium", { ...spare, filename: file("b.iso"), format: "raw" }),
    to("blockdev-remove-medium", spare),
    to("eject", { ...spare, force: true }),
    to("eject", cd),
    to("blockdev-change-medium", { ...cd, filename: file("b.iso"), "read-only-mode": "foo" }),
    to("blockdev-change-medium", { ...cd, filename: file("a.iso"), format: "foo" }),
    to("blockdev-change-medium", { ...cd }),
    to("blockdev-change-medium", {
      ...cd,
      filename: file("b.iso"),
      format: "raw",
      "read-only-mode": "read-only",
    }),
    to("blockdev-open-tray", { device: "floppy0" }),
    to("blockdev-close-tray", { device: "floppy0" }),
    to("blockdev-change-medium", { device: "floppy0", filename: floppy, format: "raw" }),
    to("eject", { device: "floppy0" }),
  ];
};

/** A message without what differs between two machines. */
function comparable({ timestamp: _, ...message }: QmpMessage): QmpMessage {
  if (message.event === undefined) return message;
  const { id: __, ...data } = message.data as Record<string, unknown>;
  return { ...message, data };
}

/** Of each drive that can be changed what does not depend on where it is. */
const states = (blocks: unknown): object[] =>
  (blocks as Record<string, unknown>[])
    .filter(({ device }) => ["ide2-cd0", "floppy0", "spare"].includes(device as string))
    .map(({ inserted, qdev: _, ...rest }) => ({ ...rest, inserted: inserted !== undefined }))
    .sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)));

test.skipIf(!hasQemu)("requests are answered with QEMU's answers and events", async () => {
  const qemu = await QemuMonitor.until("", inputGuest(), true, QEMU_DRIVES());
  const { machine, control } = await ours();
  try {
    const sent: QmpMessage[] = [];
    const host = { quit() {} };
    const context = { control, monitor: new Monitor(control, host), host, pointer: new Pointer() };
    const session = new QmpSession(context, {
      write: (text) => sent.push(JSON.parse(text) as QmpMessage),
      quit() {},
    });
    const ask = async (request: object): Promise<QmpMessage[]> => {
      sent.length = 0;
      session.receive(new TextEncoder().encode(JSON.stringify(request)));
      await session.answered;
      return sent.map(comparable);
    };
    await ask({ execute: "qmp_capabilities" });
    const theirRequests = REQUESTS(file("f.img"));
    for (const [i, request] of REQUESTS(file("g.img")).entries()) {
      const mine = await ask(request);
      qemu.send(`${JSON.stringify(theirRequests[i])}\n`);
      const theirs: QmpMessage[] = [];
      while (theirs.length === 0 || "event" in (theirs.at(-1) as object)) {
        theirs.push(comparable(await qemu.next()));
      }
      expect({ request, answers: mine }).toEqual({ request, answers: theirs });
      const [block] = await ask({ execute: "query-block" });
      const theirBlock = (await qemu.ask({ execute: "query-block" })).return;
      expect({ request, states: states(block?.return) }).toEqual({
        request,
        states: states(theirBlock),
      });
    }
  } finally {
    qemu.close();
    machine.close();
  }
});
