// What a guest sees when the host cannot read, write or flush a disk, at every controller: what QEMU's shows it there, and
// what rerror and werror say is done instead.

import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { hasQemu } from "../../testing/host-tools.ts";
import { Machine, type MachineOptions } from "../host/machine.ts";
import type { ImageSource } from "../media/image.ts";
import { type Access, busGuest, encodeScript, shown } from "../platform/testdata/bus-guest.ts";
import {
  CONTROLLERS,
  type Controller,
  type Operation,
  SECTOR,
  WRITTEN,
} from "../platform/testdata/disk-controllers.ts";
import { BY_INSTRUCTIONS, runOnQemu } from "../platform/testdata/qemu.ts";

const BYTES = 2 ** 16;
const EIO = "EIO: i/o error";
const folder = mkdtempSync(join(tmpdir(), "emu-failures-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Each dword says where it is. */
function contents(bytes: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(bytes));
  for (let at = 0; at < bytes; at += 4) view.setUint32(at, at + 0x1000_0000, true);
  return new Uint8Array(view.buffer);
}

const sectorBytes = ({ disk }: Controller): number => (disk.kind === "cdrom" ? 2048 : 512);

/** An image in memory whose host fails, while it does, one kind of request for the sector. */
class Host {
  readonly bytes: Uint8Array;
  fails: Operation | undefined;
  code = "EIO";
  flushed: Uint8Array;
  readonly image: ImageSource;

  constructor(c: Controller) {
    this.bytes = contents(c.bytes ?? BYTES);
    this.flushed = this.bytes.slice();
    const bytes = sectorBytes(c);
    const [bad, end] = [SECTOR * bytes, (SECTOR + 1) * bytes];
    const check = (operation: Operation, offset: number, length: number): void => {
      if (this.fails !== operation || offset >= end || offset + length <= bad) return;
      throw Object.assign(new Error(EIO), { code: this.code });
    };
    this.image = {
      name: "image",
      size: this.bytes.length,
      read: (offset, length) => {
        check("read", offset, length);
        return this.bytes.slice(offset, offset + length);
      },
      write: (offset, data) => {
        check("write", offset, data.length);
        this.bytes.set(data, offset);
      },
      flush: () => {
        check("flush", bad, 1);
        this.flushed = this.bytes.slice();
      },
    };
  }
}

interface Started {
  machine: Machine;
  host: Host;
  said: string[];
  /** What the script has read. */
  answers(): string[];
}

const scriptOf = (c: Controller, operation: Operation): Access[] => [
  ...c.begin,
  ...(c[operation] ?? []),
];

async function start(
  c: Controller,
  operation: Operation,
  traits: Partial<NonNullable<MachineOptions["disks"]>[number]> = {},
): Promise<Started> {
  const script = scriptOf(c, operation);
  const host = new Host(c);
  const said: string[] = [];
  let output = "";
  const machine = await Machine.create({
    machine: c.board,
    kernel: busGuest(),
    modules: [{ file: encodeScript(script) }],
    disks: [{ ...c.disk, image: host.image, persistent: c.disk.kind !== "cdrom", ...traits }],
    devices: c.devices ?? [],
    debugExit: { iobase: 0xf4, iosize: 4 },
    onDebugConsole: (byte) => {
      output += String.fromCharCode(byte);
    },
    onHostError: (what) => said.push(what),
  });
  return { machine, host, said, answers: () => shown(script, output) };
}

const run = ({ machine }: Started): string => machine.runSync({ nanoseconds: 20e6 }).kind;

/** What the request shows on a host that does not fail. */
async function healthy(c: Controller, operation: Operation): Promise<Started> {
  const started = await start(c, operation);
  expect(run(started)).toBe("debug-exit");
  return started;
}

/** The same on QEMU, whose blkdebug fails it. */
function onQemu(c: Controller, operation: Operation): string[] {
  const file = join(folder, "image");
  writeFileSync(file, contents(c.bytes ?? BYTES));
  const script = scriptOf(c, operation);
  const error = [
    ...["event=none", `iotype=${operation}`, "errno=5"],
    ...(operation === "flush" ? [] : [`sector=${(SECTOR * sectorBytes(c)) / 512}`]),
  ].map((setting) => `file.inject-error.0.${setting}`);
  const actions = c.disk.kind === "cdrom" ? ["readonly=on"] : ["rerror=report", "werror=report"];
  const drive = [
    ...["if=none", "id=d", "driver=raw", "file.driver=blkdebug", ...error],
    ...["file.image.driver=file", `file.image.filename=${file}`, ...actions],
  ];
  const { debugcon } = runOnQemu(
    busGuest(),
    [encodeScript(script)],
    [...BY_INSTRUCTIONS, "-nic", "none", "-machine", c.board, "-drive", drive.join(","), ...c.qemu],
  );
  return shown(script, debugcon);
}

const cases = CONTROLLERS.flatMap((c) =>
  (["read", "write", "flush"] as const)
    .filter((operation) => c[operation] !== undefined)
    .map((operation): [what: string, name: string, operation: Operation] => [
      `${operation}, ${c.name}`,
      c.name,
      operation,
    ]),
);
const controller = (name: string): Controller =>
  CONTROLLERS.find((c) => c.name === name) as Controller;

/** Those of devices to which rerror and werror are something. */
const acting = cases.filter(([, name]) => !controller(name).reportsOnly);

/** Contents as a number, since a test that shows how images differ takes minutes. */
const sumOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

const numberIn = (line: string | undefined): number =>
  Number.parseInt((line ?? "").split(" ").at(-1) as string, 16);

describe("report", () => {
  test.each(cases)("%s: an error of the device, and a line", async (_, name, operation) => {
    const c = controller(name);
    const started = await start(c, operation);
    started.host.fails = operation;
    expect(run(started)).toBe("debug-exit");
    expect(started.said).toEqual([`disk image: cannot ${operation} it: ${EIO}`]);
    expect(started.answers()).not.toEqual((await healthy(c, operation)).answers());
    const own = Object.entries(c.ours[operation] ?? {});
    for (const [at, value] of own) expect(numberIn(started.answers()[Number(at)])).toBe(value);
    // Nothing else has been touched.
    const expected = contents(c.bytes ?? BYTES);
    if (operation === "flush") new DataView(expected.buffer).setUint32(SECTOR * 512, WRITTEN, true);
    const first = (SECTOR - 1) * sectorBytes(c);
    expect(sumOf(started.host.bytes.subarray(0, first))).toBe(sumOf(expected.subarray(0, first)));
    if (operation !== "flush") expect(sumOf(started.host.bytes)).toBe(sumOf(expected));
  });

  test.skipIf(!hasQemu).each(cases)("%s: as on QEMU", async (_, name, operation) => {
    const c = controller(name);
    const started = await start(c, operation);
    started.host.fails = operation;
    run(started);
    const [ours, theirs] = [started.answers(), onQemu(c, operation)];
    for (const at of Object.keys(c.ours[operation] ?? {}).map(Number)) {
      expect(ours[at]).not.toBe(theirs[at]);
      ours[at] = theirs[at] as string;
    }
    expect(ours.length).toBeGreaterThan(0);
    expect(ours).toEqual(theirs);
  });
});

describe("stop", () => {
  const STOPS = { onReadFailure: "stop", onWriteFailure: "stop" } as const;
  const line = (operation: Operation): string =>
    `disk image: cannot ${operation} it: ${EIO}: the machine is stopped`;

  test.each(acting)("%s: is tried again until it succeeds", async (_, name, operation) => {
    const c = controller(name);
    const started = await start(c, operation, STOPS);
    const { machine, host, said } = started;
    host.fails = operation;
    expect(run(started)).toBe("io-error");
    const [time, at] = [machine.core.time(), machine.core.instructions()];
    expect(machine.waitingDisks.map(({ ioStatus }) => ioStatus)).toEqual(["failed"]);
    expect(run(started)).toBe("io-error");
    // Not an instruction more; a stick's controller asks it again a while later.
    if (c.disk.bus !== "usb") {
      expect([machine.core.time(), machine.core.instructions()]).toEqual([time, at]);
    }
    expect(said).toEqual([line(operation)]);
    expect(() => machine.snapshot()).toThrow(/^disk image /);
    host.fails = undefined;
    expect(run(started)).toBe("debug-exit");
    const without = await healthy(c, operation);
    expect(started.answers()).toEqual(without.answers());
    expect(sumOf(host.bytes)).toBe(sumOf(without.host.bytes));
    expect(sumOf(host.flushed)).toBe(sumOf(without.host.flushed));
  });

  test.each(acting)("%s: a reset forgets it", async (_, name, operation) => {
    const c = controller(name);
    const started = await start(c, operation, STOPS);
    started.host.fails = operation;
    expect(run(started)).toBe("io-error");
    started.host.fails = undefined;
    started.machine.reset();
    expect(started.machine.waitingDisks).toEqual([]);
    expect(run(started)).toBe("debug-exit");
  });
});

describe("ignore", () => {
  test.each(acting)("%s: goes on as if it had been done", async (_, name, operation) => {
    const c = controller(name);
    const traits = { onReadFailure: "ignore", onWriteFailure: "ignore" } as const;
    const started = await start(c, operation, traits);
    started.host.fails = operation;
    expect(run(started)).toBe("debug-exit");
    expect(started.said).toEqual([`disk image: cannot ${operation} it: ${EIO}`]);
    const expected = (await healthy(c, operation)).answers();
    const differ = started.answers().filter((answer, i) => answer !== expected[i]);
    // What could not be read is zeros.
    expect(differ.map(numberIn)).toEqual(operation === "read" ? [0] : []);
  });
});

describe("enospc", () => {
  const changing = acting.filter(([, , operation]) => operation !== "read");
  test.each(changing)("%s: stops for want of space alone", async (_, name, operation) => {
    const c = controller(name);
    for (const [code, ended] of [
      ["EIO", "debug-exit"],
      ["ENOSPC", "io-error"],
    ] as const) {
      const started = await start(c, operation, { onWriteFailure: "enospc" });
      started.host.fails = operation;
      started.host.code = code;
      expect([code, run(started)]).toEqual([code, ended]);
      const statuses = started.machine.waitingDisks.map(({ ioStatus }) => ioStatus);
      expect(statuses).toEqual(code === "ENOSPC" ? ["nospace"] : []);
    }
  });
});
