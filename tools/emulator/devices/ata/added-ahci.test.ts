// AHCI controllers that -device adds: registers here and on QEMU, and what boots from their disks.

import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { hasQemu } from "../../../testing/host-tools.ts";
import { machineOptions } from "../../host/cli-machine.ts";
import { parseArguments } from "../../host/cli-options.ts";
import { Machine, type MachineOptions } from "../../host/machine.ts";
import type { Access } from "../../platform/testdata/bus-guest.ts";
import { here, onQemu } from "../../platform/testdata/monitored-guest.ts";
import {
  ABAR,
  DATA,
  diskImage,
  dump,
  issue,
  load,
  pciRead,
  pciWrite,
  port,
  start,
  store,
} from "./testdata/script.ts";

const folder = mkdtempSync(join(tmpdir(), "emu-added-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string): string => join(folder, name);
writeFileSync(file("disk"), diskImage());

const SEABIOS = "/usr/share/seabios/bios-256k.bin";
const SLOT = 5;
const PORT = 3;
/** Names are ours; features as ahci-oracle.test.ts compares them. */
const SIZE = [60, 61].map((n) => n >> 1);

const script: readonly Access[] = [
  ...[0x00, 0x08, 0x0c, 0x2c, 0x34, 0x80, 0x90, 0xa8, 0xac].flatMap((at) => pciRead(SLOT, 0, at)),
  ...pciRead(SLOT, 0, 0x3c, 0xff00),
  ...[0x10, 0x14, 0x18, 0x1c, 0x20, 0x24, 0x30].flatMap((at) => [
    ...pciWrite(SLOT, 0, at, 0xffff_ffff),
    ...pciRead(SLOT, 0, at),
  ]),
  ...pciWrite(SLOT, 0, 0x30, 0),
  ...pciWrite(SLOT, 0, 0x20, 0xc200),
  ...pciWrite(SLOT, 0, 0x24, ABAR),
  ...pciWrite(SLOT, 0, 4, 7, 2),
  store(ABAR + 4, 0x8000_0001),
  ["until-clear", ABAR + 4, 1],
  store(ABAR + 4, 0x8000_0002),
  ...[0x00, 0x04, 0x08, 0x0c, 0x10].map((at) => load(ABAR + at)),
  ...[0, 1, 2, 3, 4, 5].map((n) => load(port(n, 0x28))),
  ...start(PORT),
  store(port(PORT, 0x14), 0xffff_ffff),
  ...pciRead(SLOT, 0, 4, 0x8_0000),
  ...issue(0xc8, { port: PORT, lba: 5, count: 1, regions: [512] }),
  ...pciRead(SLOT, 0, 4, 0x8_0000),
  load(ABAR + 8),
  ...dump(DATA, 64),
  ...issue(0xec, { port: PORT, regions: [512] }),
  ...SIZE.map((n) => load(DATA + n * 4)),
  store(port(PORT, 0x10), 0xffff_ffff),
  store(ABAR + 8, 0xffff_ffff),
  ...pciRead(SLOT, 0, 4, 0x8_0000),
  load(ABAR + 8),
];

describe.skipIf(!hasQemu)("a controller that was added answers as QEMU's", () => {
  test.each(["pc", "q35"] as const)("on %s", async (machine) => {
    const wanted = await onQemu({ machine, parts: [script], lines: [] }, [
      ...["-nic", "none", "-device", `ahci,id=sata,addr=${SLOT}`],
      ...["-drive", `file=${file("disk")},format=raw,if=none,id=d,snapshot=on`],
      ...["-device", `ide-hd,drive=d,bus=sata.${PORT}`],
    ]);
    expect(wanted.at(-1)).not.toMatch(/nothing/);
    const mine = await here(
      { machine, parts: [script], lines: [] },
      {
        devices: [{ kind: "ahci", options: { index: 0, addr: SLOT } }],
        disks: [{ kind: "disk", image: file("disk"), controller: 0, index: PORT }],
      },
    );
    expect(mine).toEqual(wanted);
  });
});

/** A disk whose first sector says "B" at the debug console. */
function bootDisk(): string {
  const image = new Uint8Array(1 << 20);
  image.set([0xb0, 0x42, 0xe6, 0xe9, 0xf4, 0xeb, 0xfd]);
  image.set([0x80, 0, 2, 0, 6, 0, 3, 0, 1, 0, 0, 0, 8, 0, 0, 0], 446);
  image.set([0x55, 0xaa], 510);
  writeFileSync(file("boot"), image);
  return file("boot");
}

async function saysWhatItBoots(args: readonly string[], more: MachineOptions): Promise<void> {
  let said = "";
  const machine = await Machine.create({
    ...machineOptions(parseArguments(args)),
    ...more,
    debugConsole: true,
    onDebugConsole: (byte) => {
      said += String.fromCharCode(byte);
    },
  });
  for (let i = 0; i < 200 && !said.includes("B"); i++) machine.runSync({ nanoseconds: 1e8 });
  expect(said).toContain("B");
  machine.close();
}

describe("a disk at a controller that was added", () => {
  const drive = (): string[] => [
    ...["-m", "64M", "-snapshot", "-drive", `file=${bootDisk()},format=raw,if=none,id=d`],
  ];
  const named = ["-device", "ahci,id=sata", "-device", "ide-hd,drive=d,bus=sata.2"];
  test.each(["pc", "q35"])("is booted by our BIOS (%s)", async (machine) => {
    await saysWhatItBoots(["-machine", machine, ...drive(), ...named], {});
  });

  test.skipIf(!existsSync(SEABIOS))("is booted by SeaBIOS", async () => {
    // Buses of a controller without a name come behind the board's.
    const device = ["-device", "ich9-ahci", "-device", "ide-hd,drive=d,bus=ide.4,bootindex=1"];
    await saysWhatItBoots(["-machine", "pc", ...drive(), ...device], { bios: SEABIOS });
  });

  test("has a place that is there", () => {
    const parse = (bus: string) => () =>
      parseArguments([
        ...["-drive", "file=x,if=none,id=d", "-device", "ahci,id=sata"],
        ...["-device", `ide-hd,drive=d,${bus}`],
      ]);
    expect(parse("bus=sata.6")).toThrow("Bus 'sata.6' not found");
    expect(parse("bus=sata.1,unit=1")).toThrow("Can't create IDE unit 1");
    expect(parse("bus=other.1")).toThrow("Bus 'other.1' not found");
    expect(parse("bus=sata.5")().disks).toMatchObject([{ controller: 0, index: 5 }]);
  });

  test("comes back with a snapshot", async () => {
    const options: MachineOptions = {
      memory: "16M",
      devices: [{ kind: "ahci", options: { index: 0 } }],
      disks: [{ kind: "disk", image: diskImage(), controller: 0 }],
    };
    const one = await Machine.create(options);
    const other = await Machine.create(options);
    one.board.ports.write(0xcf8, 0x8000_1020, 4);
    one.drives[0]?.write(3, new Uint8Array(512).fill(1));
    other.restore(one.snapshot());
    expect(other.stateHash()).toBe(one.stateHash());
    expect(other.drives[0]?.read(3, 1)?.[0]).toBe(1);
  });
});
