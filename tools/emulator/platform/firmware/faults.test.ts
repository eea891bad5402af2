// What a BIOS lacks or gets wrong on request: boot loaders are tested against it, so each must be what it says.

import { expect, test } from "vitest";
import { type Assembler, al, ax, byte, cx, ds, dx, eax, es } from "../../../asm/index.ts";
import { Machine } from "../../host/machine.ts";
import {
  BIOS_CALLS_SECTORS,
  type BiosAnswer,
  BOOT_DRIVE,
  biosAnswers,
  biosCallsImage,
} from "../testdata/bios-calls.ts";
import { BUFFER, call, PACKET, packet, type Question } from "../testdata/bios-questions.ts";
import { bootCd } from "../testdata/boot-cd.ts";
import { bootSector } from "../testdata/boot-sector.ts";
import type { BiosFaults } from "./faults.ts";

/** Behind what the guest itself is loaded from. */
const FREE = 1000;

async function answers(
  questions: readonly Question[],
  biosFaults: BiosFaults,
  kind: "disk" | "cdrom" = "disk",
): Promise<BiosAnswer[]> {
  const guest = biosCallsImage(questions);
  const image = kind === "cdrom" ? bootCd(guest, 0, BIOS_CALLS_SECTORS) : guest;
  const machine = await Machine.create({ disks: [{ kind, image }], biosFaults });
  expect(machine.runSync({ nanoseconds: 10e9 })).toEqual({ kind: "power-off" });
  return biosAnswers(questions, machine.serialOutput);
}

const disk = (what: string, eax: number, more: Partial<Question> = {}): Question =>
  call(what, 0x13, eax, { edx: BOOT_DRIVE, ...more });

const read = (count: number, block: number): Question =>
  disk(`${count} from ${block}`, 0x4200, {
    fill: packet({ count, block }),
    show: { at: PACKET, bytes: 4 },
  });

/** Status and blocks that the packet says were moved. */
const outcome = (a: BiosAnswer): [status: number, moved: number] => [
  a.eax >> 8,
  Number.parseInt(a.memory.slice(4, 6), 16),
];

test("sectors fail with the status asked for, as often as asked for", async () => {
  const found = await answers(
    [read(4, FREE), read(4, FREE), read(4, FREE), read(1, FREE + 1), read(1, FREE + 2)],
    { disk: { reads: [{ first: FREE + 2, status: 0x10, times: 2 }] } },
  );
  expect(found.map(outcome)).toEqual([
    [0x10, 0],
    [0x10, 0],
    [0, 4],
    [0, 1],
    [0, 1],
  ]);
});

test("what was read before the fault can be moved, and be called a success", async () => {
  const reads = [
    { drive: 0x80, first: FREE + 3, count: 2, status: 0x04, partial: true },
    { drive: 0x81, first: FREE, status: 0x80 },
    { first: FREE + 100, status: 0, partial: true },
  ];
  const found = await answers([read(8, FREE), read(1, FREE + 4), read(8, FREE + 95)], {
    disk: { reads },
  });
  expect(found.map(outcome)).toEqual([
    [0x04, 3],
    [0x04, 0],
    [0, 5],
  ]);
});

test("a medium whose first sector cannot be read does not boot", async () => {
  const machine = await Machine.create({
    disks: [{ kind: "disk", image: bootSector(() => {}, 4096) }],
    biosFaults: { disk: { reads: [{ first: 0, status: 0x20 }] } },
  });
  expect(machine.runSync({ nanoseconds: 1e9 })).toEqual({ kind: "unbootable", started: false });
});

test("faults that have happened are in the snapshot", async () => {
  const questions = [read(1, FREE), read(1, FREE)];
  const options = {
    disks: [{ kind: "disk" as const, image: biosCallsImage(questions) }],
    biosFaults: { disk: { reads: [{ first: FREE, status: 0x10, times: 1 }] } },
  };
  const machine = await Machine.create(options);
  machine.runSync({ until: "\n" });
  const other = await Machine.create(options);
  other.restore(machine.snapshot());
  other.runSync({ nanoseconds: 10e9 });
  expect(biosAnswers(questions, other.serialOutput).map((a) => a.eax >> 8)).toEqual([0x10, 0]);
});

test.each(["disk", "cdrom"] as const)("a %s without extensions", async (kind) => {
  // The guest loads itself from a disk by them.
  const questions = [disk("check", 0x4100, { ebx: 0x55aa }), read(1, 1), disk("reset", 0)];
  if (kind === "cdrom") {
    const found = await answers(questions, { disk: { noExtensions: true } }, kind);
    expect(found.map((a) => [a.eax >> 8, a.carry])).toEqual([
      [1, true],
      [1, true],
      [0, false],
    ]);
    return;
  }
  const image = bootSector((a) => {
    a.mov(ax, 0x4100).int(0x13).mov(al, 0).and(eax, 0xffff).call("hex");
    a.mov(ax, 0x0201).mov(cx, 2).mov(dx, 0x80).int(0x13).and(eax, 0xffff).call("hex");
  });
  const machine = await Machine.create({
    disks: [{ kind, image }],
    biosFaults: { disk: { noExtensions: true } },
  });
  machine.runSync({ nanoseconds: 10e9 });
  expect(machine.serialOutput).toBe("00000100\n00000001\n");
});

test("transfers that are too long or cross 64 KiB", async () => {
  const crossing = { ebx: 0xff00, ecx: 1 };
  const found = await answers(
    [
      disk("long", 0x0209, { ecx: 1 }),
      disk("short", 0x0208, { ecx: 1 }),
      disk("across", 0x0202, crossing),
    ],
    { disk: { maxSectors: 8, dmaBoundary: true } },
  );
  expect(found.map((a) => a.eax)).toEqual([0x0100, 0x0008, 0x0900]);
});

const SMAP = 0x534d4150;
const e820 = (ebx: number, ecx = 20): Question =>
  call("E820", 0x15, 0xe820, { ebx, ecx, edx: SMAP, show: { at: BUFFER, bytes: 24 } });

test("memory is told only by the services asked for", async () => {
  const questions = [
    e820(0),
    call("E801", 0x15, 0xe801),
    call("E881", 0x15, 0xe881),
    call("88", 0x15, 0x8800),
  ];
  const carries = async (services: ("e820" | "e801" | "88")[]) =>
    (await answers(questions, { memory: { services } })).map((a) => a.carry);
  expect(await carries(["e801", "88"])).toEqual([true, false, false, false]);
  expect(await carries(["88"])).toEqual([true, true, true, false]);
  expect(await carries([])).toEqual([true, true, true, true]);
});

test("the memory map is the one asked for", async () => {
  const ranges = [
    { start: 0x100000, length: 0x200000, type: 1 },
    { start: 0, length: 0x1_0000_0000, type: 3 },
  ];
  const [first, second] = await answers([e820(0), e820(1, 24)], { memory: { ranges } });
  expect(first).toMatchObject({ ebx: 1, ecx: 20 });
  expect(first?.memory.slice(0, 40)).toBe("00001000000000000000200000000000" + "01000000");
  // With room for extended attributes: the range counts.
  expect(second).toMatchObject({ ebx: 0, ecx: 24 });
  expect(second?.memory).toBe("00000000000000000000000001000000" + "03000000" + "01000000");
});

test("less conventional memory: by INT 12h, data area and map", async () => {
  const questions = [call("12", 0x12, 0, { show: { at: 0x400, bytes: 0x15 } }), e820(0), e820(1)];
  const [size, usable, reserved] = await answers(questions, { memory: { conventionalKib: 512 } });
  expect(size?.eax).toBe(512);
  // Segment of the extended data area, KiB.
  expect(size?.memory.slice(0x1c, 0x20)).toBe("0080");
  expect(size?.memory.slice(0x26, 0x2a)).toBe("0002");
  expect(usable?.memory.slice(0, 40)).toBe("00000000000000000000080000000000" + "01000000");
  expect(reserved?.memory.slice(0, 40)).toBe("00000800000000000000020000000000" + "02000000");
});

/** Prints 1 if A20 is on. */
function showA20(a: Assembler, name: string): void {
  a.mov(ax, 0xffff).mov(ds, ax).mov(byte(0x510), 0x5a).xor(ax, ax).mov(ds, ax);
  a.mov(byte(0x500), 0xa5)
    .mov(ax, 0xffff)
    .mov(es, ax)
    .mov(al, byte(0x510, { segment: es }));
  a.cmp(al, 0x5a).mov(al, 0x31).je(`on_${name}`).mov(al, 0x30);
  a.label(`on_${name}`);
  a.mov(dx, 0x3f8).out(dx, al);
}

test.each([
  [{ on: false }, "0111"],
  [{ on: false, stuck: ["bios"] }, "0011"],
  [{ on: false, stuck: ["bios", "port92"] }, "0001"],
  [{ on: false, stuck: ["bios", "port92", "keyboard"] }, "0000"],
  [{}, "1111"],
] as const)("A20 after power-on, and after each way to switch it: %j", async (a20, expected) => {
  const image = bootSector((a) => {
    showA20(a, "first");
    a.mov(ax, 0x2401).int(0x15);
    showA20(a, "bios");
    a.in(al, 0x92).or(al, 2).out(0x92, al);
    showA20(a, "port92");
    a.mov(al, 0xd1).out(0x64, al).mov(al, 0xdf).out(0x60, al);
    showA20(a, "keyboard");
  });
  const machine = await Machine.create({
    disks: [{ kind: "disk", image }],
    biosFaults: { a20: { ...a20 } },
  });
  expect(machine.runSync({ nanoseconds: 10e9 })).toEqual({ kind: "power-off" });
  expect(machine.serialOutput).toBe(expected);
});
