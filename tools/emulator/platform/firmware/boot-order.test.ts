// What firmware by others is told of the boot order, against QEMU: CMOS memory's bytes, and the file "bootorder".

import { describe, expect, test } from "vitest";
import { hasQemu } from "../../../testing/host-tools.ts";
import type { MachineOptions } from "../../host/machine.ts";
import { bytesImage } from "../../media/image.ts";
import { firmwareHere, flashOnQemu } from "../testdata/firmware-runs.ts";
import { type FlashAccess, flashImage } from "../testdata/flash-guest.ts";
import { bootOrderOf } from "./bios-state.ts";

const IMAGE_BYTES = 0x10000;

type Run = (script: readonly FlashAccess[]) => Promise<number[]>;

const numbers = (log: string): number[] =>
  log
    .trimEnd()
    .split("\n")
    .map((line) => Number.parseInt(line, 16));
const here =
  (options: MachineOptions): Run =>
  async (script) =>
    numbers(await firmwareHere(flashImage(script, IMAGE_BYTES), 0xe9, options));
const onQemu =
  (options: readonly string[]): Run =>
  async (script) =>
    numbers(flashOnQemu(flashImage(script, IMAGE_BYTES), options));

/** Boot devices in CMOS memory (hw/i386/pc.c, set_boot_dev). */
async function cmosOrder(run: Run): Promise<number[]> {
  const read = (index: number): FlashAccess[] => [
    { port: 0x70, size: 1, value: index },
    { port: 0x71, size: 1 },
  ];
  return run([...read(0x3d), ...read(0x38)]);
}

describe.skipIf(!hasQemu)("CMOS memory", () => {
  test.each(["ncd", "dcn", "nac", "bnd"])("has -boot %s as QEMU's", async (letters) => {
    const ours = await cmosOrder(here({ bootOrder: bootOrderOf(letters) }));
    expect(ours).toEqual(await cmosOrder(onQemu(["-boot", letters])));
  });
});

const SELECT = 0x510;
const DATA = 0x511;
const DIRECTORY = 0x19;
const [HEADER, ENTRY, NAME] = [4, 64, 8];
/** QEMU sorts files by their names: it is among the first. */
const ENTRIES = 16;

/** Contents of a file of the firmware configuration device (docs/specs/fw_cfg.rst). */
async function fileOf(run: Run, name: string): Promise<string> {
  const read = async (selector: number, bytes: number): Promise<Buffer> =>
    Buffer.from(
      await run([
        { port: SELECT, size: 2, value: selector },
        ...Array.from({ length: bytes }, (): FlashAccess => ({ port: DATA, size: 1 })),
      ]),
    );
  const directory = await read(DIRECTORY, HEADER + ENTRIES * ENTRY);
  for (let at = HEADER; at < directory.length; at += ENTRY) {
    const entry = directory.subarray(at, at + ENTRY);
    if (!entry.toString("latin1", NAME).startsWith(`${name}\0`)) continue;
    return (await read(entry.readUInt16BE(4), entry.readUInt32BE(0))).toString("latin1");
  }
  return "";
}

const ORDER = {
  q35: ["ethernet@3/ethernet-phy@0", "scsi@4/disk@0,0", "ethernet@2/ethernet-phy@0"],
  pc: ["ethernet@4/ethernet-phy@0", "scsi@5/disk@0,0", "ethernet@3/ethernet-phy@0"],
} as const;

test.each(["q35", "pc"] as const)(
  "network cards of %s come where bootindex says",
  async (board) => {
    const ours = here({
      machine: board,
      networkCards: [{ bootIndex: 3 }, { model: "virtio-net-pci", bootIndex: 1 }],
      devices: [{ kind: "virtio-blk-pci", options: { addr: board === "pc" ? 5 : 4 } }],
      disks: [
        {
          kind: "disk",
          bus: "virtio",
          image: bytesImage("disk", new Uint8Array(512)),
          bootIndex: 2,
        },
      ],
    });
    const expected = `${ORDER[board].map((path) => `/pci@i0cf8/${path}`).join("\n")}\0`;
    expect(await fileOf(ours, "bootorder")).toBe(expected);
    if (!hasQemu) return;
    const slot = (card: number): string => `addr=${card + (board === "pc" ? 3 : 2)}`;
    const theirs = onQemu([
      ...["-machine", board, "-blockdev", "driver=null-co,size=512,node-name=d"],
      ...["-device", `e1000,${slot(0)},bootindex=3,romfile=`],
      ...["-device", `virtio-net-pci,${slot(1)},bootindex=1,romfile=`],
      ...["-device", `virtio-blk-pci,${slot(2)},bootindex=2,drive=d`],
    ]);
    expect(await fileOf(theirs, "bootorder")).toBe(expected);
  },
);
