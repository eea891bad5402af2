// Whole boots in the emulator with a BIOS that lacks something or gets something wrong, and with media that are
// damaged: the kernel is started all the same, or one line says what is the matter. Nothing hangs.

import { beforeAll, describe, expect, it } from "vitest";
import { generator } from "../../../../kernel/testing/random.ts";
import { Machine } from "../../../emulator/host/machine.ts";
import type { BiosFaults } from "../../../emulator/index.ts";
import { type FileTableEntry, readFileTable } from "../../file-table.ts";
import { PARAMETERS_BYTES, PARAMETERS_MAGIC, readParameters } from "../../parameters.ts";
import { BLOCK_BYTES } from "./layout.ts";
import { testImage } from "./testing/image.ts";

type Kind = "disk" | "cdrom";
const KINDS = ["disk", "cdrom"] as const;

/** Longer than any boot here takes; a machine that waits for a key passes it in a moment. */
const NANOSECONDS = 4e9;

/** Scan code. */
const SPACE = 0x39;

const MODULE = "boot/module";
/** More than one piece of every buffer on the way. */
const MODULE_BYTES = 300_001;
let image: Uint8Array;
let files: Map<string, FileTableEntry>;
let tableBlock: number;
let loaderBlock: number;
let loaderBlocks: number;

beforeAll(async () => {
  const random = generator(3);
  const contents = Uint8Array.from({ length: MODULE_BYTES }, () => random(256));
  contents.set(new TextEncoder().encode("module\n"));
  image = await testImage(`kernel boot/kernel started\nmodule ${MODULE}\n`, [
    { path: MODULE, source: contents },
  ]);
  const at = Buffer.from(image).indexOf(PARAMETERS_MAGIC);
  const parameters = readParameters(image.subarray(at, at + PARAMETERS_BYTES));
  tableBlock = parameters.tableBlock;
  loaderBlock = parameters.loaderBlock + 1;
  loaderBlocks = Math.ceil(parameters.loaderBytes / BLOCK_BYTES) - 1;
  const start = tableBlock * BLOCK_BYTES;
  const table = readFileTable(image.slice(start, start + parameters.tableBytes));
  files = new Map(table.map((entry) => [entry.path, entry]));
});

interface Outcome {
  /** The serial line. */
  line: string;
  screen: string;
  isOff: boolean;
}

async function boot(
  kind: Kind,
  biosFaults: BiosFaults = {},
  medium: Uint8Array = image,
): Promise<Outcome> {
  const machine = await Machine.create({
    disks: [{ kind, image: medium }],
    biosFaults,
    memory: "64M",
  });
  const stop = machine.runSync({ nanoseconds: NANOSECONDS });
  return {
    line: machine.serialOutput,
    screen: machine.screenText()?.join("\n") ?? "",
    isOff: stop.kind === "power-off",
  };
}

async function expectStart(
  kind: Kind,
  faults: BiosFaults,
  medium: Uint8Array = image,
): Promise<void> {
  const { line, isOff } = await boot(kind, faults, medium);
  expect(line).toContain("kernel started\r\nmodule\r\n");
  expect(line).not.toContain("error");
  expect(isOff).toBe(true);
}

/** The line that begins with "error: ", on screen and serial line alike. */
async function refusal(
  kind: Kind,
  faults: BiosFaults,
  medium: Uint8Array = image,
): Promise<string> {
  const { line, screen, isOff } = await boot(kind, faults, medium);
  expect(isOff).toBe(false);
  const [, reason = ""] = /^error: (.*)$/m.exec(line.replaceAll("\r", "")) ?? [];
  // The screen has lines of 80 characters, and none of them blanks at its end.
  expect(screen.replaceAll(/\s/g, "")).toContain(reason.replaceAll(" ", ""));
  return reason;
}

const sectorOf = (kind: Kind, block: number): number => (kind === "disk" ? 4 * block : block);
const fileOf = (path: string): FileTableEntry => files.get(path) as FileTableEntry;

/** The medium with one bit turned round. */
function damaged(block: number, offset: number): Uint8Array {
  const medium = image.slice();
  const at = block * BLOCK_BYTES + offset;
  medium[at] = (medium[at] as number) ^ 0x10;
  return medium;
}

describe.each(KINDS)("from a %s", (kind) => {
  it("the kernel is started", async () => {
    await expectStart(kind, {});
  });

  it.each([
    ["that takes no more than 127 sectors at once", { maxSectors: 127 }],
    ["that takes no more than 5 sectors at once", { maxSectors: 5 }],
    ["that crosses no 64 KiB", { dmaBoundary: true }],
  ])("a BIOS %s is no obstacle", async (_name, disk) => {
    await expectStart(kind, { disk });
  });

  it.each([1, 2])("what cannot be read %d times is read again", async (times) => {
    for (const block of [loaderBlock, 16, tableBlock, fileOf("boot/kernel").block]) {
      const reads = [{ first: sectorOf(kind, block), status: 0x10, times }];
      await expectStart(kind, { disk: { reads } });
    }
  });

  it("each of the loader's blocks that cannot be read is named with the status", async () => {
    for (const index of [0, 1, loaderBlocks >> 1, loaderBlocks - 1]) {
      const block = loaderBlock + index;
      const reads = [{ first: sectorOf(kind, block), status: 0x20 }];
      const { line, screen, isOff } = await boot(kind, { disk: { reads } });
      expect([line, isOff]).toEqual(["", false]);
      const number = block.toString(16).toUpperCase().padStart(8, "0");
      expect(screen).toContain(`Read error 20 at block ${number}`);
    }
  });

  it("a volume descriptor that cannot be read is named with the status", async () => {
    const reads = [{ first: sectorOf(kind, 16), status: 0x10 }];
    expect(await refusal(kind, { disk: { reads } })).toMatch(
      /^BIOS drive 0x(80|e0): read error at LBA 16 .*, status 0x10 \(uncorrectable data\)$/,
    );
  });

  it("each block of a file that cannot be read is named with file and status", async () => {
    const random = generator(5);
    const module = fileOf(MODULE);
    const blocks = Math.ceil(module.size / BLOCK_BYTES);
    const cases: [string, number][] = [
      ["boot/files.tab", tableBlock],
      ["boot/boot.conf", fileOf("boot/boot.conf").block],
      ["boot/kernel", fileOf("boot/kernel").block],
      [MODULE, module.block],
      [MODULE, module.block + blocks - 1],
      [MODULE, module.block + random(blocks)],
    ];
    for (const [path, block] of cases) {
      const reads = [{ first: sectorOf(kind, block), status: 0x10, partial: true }];
      const reason = await refusal(kind, { disk: { reads } });
      expect(reason).toContain(`${path}: `);
      expect(reason).toContain(`LBA ${block}`);
      expect(reason).toContain("status 0x10");
    }
  });

  it("what the BIOS has not read and says it has is not taken for read", async () => {
    const module = fileOf(MODULE);
    const reads = [{ first: sectorOf(kind, module.block + 3), status: 0 }];
    expect(await refusal(kind, { disk: { reads } })).toMatch(
      new RegExp(`^boot/module: (damaged|read error at LBA ${module.block + 3} )`),
    );
  });

  it("a bit that is wrong in a file is told by the file's name", async () => {
    const module = fileOf(MODULE);
    const cases: [string, number, number][] = [
      ["boot/files.tab", tableBlock, 20],
      ["boot/boot.conf", fileOf("boot/boot.conf").block, 3],
      ["boot/kernel", fileOf("boot/kernel").block, 0x60],
      [MODULE, module.block, 0],
      [MODULE, module.block + 146, 900],
    ];
    for (const [path, block, offset] of cases) {
      const reason = await refusal(kind, {}, damaged(block, offset));
      expect(reason).toContain(`${path}: damaged`);
    }
  });

  it("another image's loader does not start what is on the medium", async () => {
    expect(await refusal(kind, {}, damaged(16, 883))).toMatch(
      /^BIOS drive 0x(80|e0) does not hold the image that this boot loader belongs to$/,
    );
  });

  it.each([["e801"], ["88"]] as const)("memory is found by INT 15h %s alone", async (service) => {
    await expectStart(kind, { memory: { services: [service] } });
  });

  it("a BIOS that tells no memory is refused", async () => {
    expect(await refusal(kind, { memory: { services: [] } })).toContain("memory map");
  });
});

const MIB = 0x10_0000;
/** What hostile BIOSes have for a map of 64 MiB. */
const MAPS: [string, { start: number; length: number; type: number }[]][] = [
  [
    "ranges overlap",
    [
      { start: 0, length: 64 * MIB, type: 1 },
      { start: 0x9_fc00, length: 0x6_0400, type: 2 },
      { start: 32 * MIB, length: 64 * MIB, type: 1 },
      { start: 64 * MIB, length: 128 * MIB, type: 2 },
    ],
  ],
  [
    "ranges are empty or go beyond the end",
    [
      { start: 0, length: 0x9_fc00, type: 1 },
      { start: 0x5000, length: 0, type: 2 },
      { start: MIB, length: 0, type: 1 },
      { start: MIB, length: 63 * MIB, type: 1 },
      { start: 2 ** 52, length: 2 ** 63, type: 2 },
    ],
  ],
  [
    "there are 400 ranges in any order",
    [
      ...Array.from({ length: 398 }, (_, i) => ({
        start: 0x1_0000_0000 + 0x2000 * ((i * 37) % 398),
        length: 0x1000,
        type: 2 + (i % 3),
      })),
      { start: MIB, length: 63 * MIB, type: 1 },
      { start: 0, length: 0x9_fc00, type: 1 },
    ],
  ],
];

describe("a BIOS's memory map", () => {
  it.each(MAPS)("may be one in which %s", async (_name, ranges) => {
    await expectStart("disk", { memory: { ranges } });
  });

  it("of low memory alone is completed by INT 15h E801", async () => {
    await expectStart("disk", { memory: { ranges: [{ start: 0, length: 0x9_fc00, type: 1 }] } });
  });

  it.each([
    ["of nothing that may be used", [{ start: 0, length: 2 ** 40, type: 2 }]],
    [
      "of 2000 ranges",
      Array.from({ length: 2000 }, (_, i) => ({ start: 0x2000 * i, length: 0x1000, type: 1 })),
    ],
  ])("%s is refused", async (_name, ranges) => {
    expect(await refusal("disk", { memory: { ranges } })).toContain("memory map");
  });

  it("with less conventional memory than the loader needs is refused", async () => {
    const { line, screen, isOff } = await boot("disk", { memory: { conventionalKib: 300 } });
    expect(isOff).toBe(false);
    const refusal =
      /Not enough conventional memory for the boot loader: the BIOS reports 300 KiB, \d+ KiB are needed$/;
    expect(screen.replaceAll("\n", "").trimEnd()).toMatch(refusal);
    expect(line).toMatch(refusal);
  });

  it("with 520 KiB of conventional memory is enough", async () => {
    await expectStart("disk", { memory: { conventionalKib: 520 } });
  });
});

describe("address line A20", () => {
  it.each([
    ["the BIOS", ["port92", "keyboard"]],
    ["port 92h", ["bios", "keyboard"]],
    ["the keyboard controller", ["bios", "port92"]],
  ] as const)("is switched on by %s alone", async (_name, stuck) => {
    await expectStart("disk", { a20: { on: false, stuck: [...stuck] } });
  });

  it("that nothing switches on is told", async () => {
    const stuck = ["bios", "port92", "keyboard"] as const;
    expect(await refusal("disk", { a20: { on: false, stuck: [...stuck] } })).toContain("A20");
  });
});

it.each(KINDS)("after an error a key starts over from a %s", async (kind) => {
  const machine = await Machine.create({
    disks: [{ kind, image: damaged(fileOf(MODULE).block, 0) }],
    memory: "64M",
  });
  machine.runSync({ nanoseconds: NANOSECONDS });
  expect(machine.serialOutput.match(/Trihedron boot loader/g)).toHaveLength(1);
  machine.board.keyboard.key(SPACE, true);
  machine.board.keyboard.key(SPACE, false);
  machine.runSync({ nanoseconds: 2 * NANOSECONDS });
  expect(machine.serialOutput.match(/Trihedron boot loader/g)).toHaveLength(2);
});

describe("without INT 13h extensions", () => {
  it("a disk is read by its geometry", async () => {
    await expectStart("disk", { disk: { noExtensions: true } });
  });

  it("a disk is read by its geometry again where it could not be", async () => {
    const first = 4 * fileOf(MODULE).block + 9;
    await expectStart("disk", {
      disk: { noExtensions: true, reads: [{ first, status: 0x10, times: 2, partial: true }] },
    });
    const reads = [{ first, status: 0x10 }];
    expect(await refusal("disk", { disk: { noExtensions: true, reads } })).toContain(
      `LBA ${fileOf(MODULE).block + 2}`,
    );
  });

  it("a CD is refused", async () => {
    const { screen, isOff } = await boot("cdrom", { disk: { noExtensions: true } });
    expect(isOff).toBe(false);
    expect(screen).toContain("The BIOS cannot read this CD: it has no INT 13h extensions");
  });
});
