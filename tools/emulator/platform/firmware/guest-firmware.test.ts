// Firmware by others: the registers that it finds against QEMU's, by flash images that make random and chosen accesses, and
// SeaBIOS, whose own log of what it finds is the same on both.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { hasQemu } from "../../../testing/host-tools.ts";
import { bytesImage } from "../../media/image.ts";
import { firmwareHere, firmwareOnQemu, flashOnQemu } from "../testdata/firmware-runs.ts";
import { type FlashAccess, flashImage } from "../testdata/flash-guest.ts";
import { random } from "../testdata/random-accesses.ts";

type Board = "q35" | "pc";

async function expectSameAccesses(
  script: readonly FlashAccess[],
  bytes: number,
  machine: Board = "q35",
): Promise<void> {
  const image = flashImage(script, bytes);
  const theirs = flashOnQemu(image, ["-machine", machine]);
  const reads = script.filter((x) => x.value === undefined);
  const told = (log: string) =>
    log
      .trimEnd()
      .split("\n")
      .map((line, i) => `${JSON.stringify(reads[i])}: ${line}`);
  expect(theirs.trimEnd().split("\n").length).toBe(reads.length);
  expect(told(await firmwareHere(image, 0xe9, { machine }))).toEqual(told(theirs));
}

const PAM0 = 0x90;
/** PAM0, and the bits that keep what is written to a register: pc has one that lets caches be used, too. */
const PAM = {
  q35: { first: PAM0, bits: 0x33 },
  pc: { first: 0x59, bits: 0x77 },
} as const;

type Function = (register: number, size: 1 | 2 | 4, value?: number) => FlashAccess;
const functionAt =
  (device: number, fn = 0): Function =>
  (register, size, value) => ({
    device,
    fn,
    register,
    size,
    ...(value === undefined ? {} : { value }),
  });
const bridge = functionAt(0);
const lpc = functionAt(0x1f);

/** A byte in each of the areas that PAM registers are about. */
const PLACES = [
  ...Array.from({ length: 12 }, (_, i) => 0xc0000 + 0x4000 * i + 0x800),
  ...[0xf1234, 0xfe000],
];

test.skipIf(!hasQemu).each([
  ["q35", 0x10000],
  ["q35", 0x40000],
  ["pc", 0x10000],
  ["pc", 0x40000],
] as const)(
  "what shows below 1 MiB follows the PAM registers of %s, flash of %i bytes",
  async (board, bytes) => {
    const { first, bits } = PAM[board];
    const next = random(bytes);
    const below = (n: number): number => next() % n;
    // Where there is neither RAM nor flash a bus floats, which QEMU reads as 0: RAM is turned on there all the time.
    const low = Math.max(0x100000 - bytes, 0xe0000);
    const always = (register: number): number =>
      register > 0 && 0xb8000 + 0x8000 * register < low ? 0x11 : 0;
    const script: FlashAccess[] = [1, 2, 3, 4, 5, 6].map((i) => bridge(first + i, 1, always(i)));
    script.push(...PLACES.map((memory) => ({ memory })));
    for (let i = 0; i < 7; i++) script.push(bridge(first + i, 1));
    for (let round = 0; round < 60; round++) {
      const register = below(7);
      const random = below(256) & (register === 0 ? bits & 0xf0 : bits);
      // With writes alone QEMU 7.2 has reads reach RAM, too.
      const value = random | ((random >> 1) & 0x11) | always(register);
      script.push(bridge(first + register, 1, value));
      script.push(bridge(first + register, 1));
      for (const memory of PLACES) {
        if (below(3) === 0) script.push({ memory, value: below(256) });
        if (below(3) === 0) script.push({ memory });
      }
    }
    await expectSameAccesses(script, bytes, board);
  },
);

test("writes alone reach RAM where a PAM register says so", async () => {
  // Intel 3 Series datasheet, 5.1.15: reads go on to flash, which is the page's number here.
  const script: FlashAccess[] = [
    bridge(PAM0, 1, 0x20),
    { memory: 0xf1234, value: 0x77 },
    { memory: 0xf1234 },
    bridge(PAM0, 1, 0x10),
    { memory: 0xf1234 },
    { memory: 0xf1234, value: 0x88 },
    { memory: 0xf1234 },
    bridge(PAM0, 1, 0),
    { memory: 0xf1234 },
    // Nothing is there.
    { memory: 0xc0000 },
  ];
  const log = await firmwareHere(flashImage(script, 0x10000));
  const bytes = log
    .trimEnd()
    .split("\n")
    .map((line) => Number.parseInt(line, 16));
  expect(bytes).toEqual([1, 0x77, 0x77, 1, 0xff]);
});

test.skipIf(!hasQemu)("the chipset comes out of its reset as QEMU's", async () => {
  const script: FlashAccess[] = [
    ...[0x00, 0x04, 0x08, 0x0c, 0x10, 0x2c, 0x30, 0x3c, 0x60, 0x64].map((r) => bridge(r, 4)),
    ...[0x00, 0x04, 0x08, 0x0c, 0x10, 0x2c, 0x30, 0x3c, 0x40, 0x60, 0x68, 0xf0].map((r) =>
      lpc(r, 4),
    ),
    lpc(0x44, 1),
    { device: 1, fn: 0, register: 4, size: 4 },
    { device: 1, fn: 0, register: 0x10, size: 4 },
    { device: 1, fn: 0, register: 0x18, size: 4 },
    // Power management shows where it has been put, and nowhere before.
    { port: 0x604, size: 2 },
    lpc(0x40, 4, 0x601),
    { port: 0x604, size: 2 },
    lpc(0x44, 1, 0x80),
    { port: 0x604, size: 2 },
    { port: 0x602, size: 2, value: 0x321 },
    { port: 0x602, size: 2 },
    lpc(0x40, 4, 0xb001),
    { port: 0xb002, size: 2 },
    { port: 0x602, size: 2 },
    lpc(0x40, 4),
    // Sizes of base address registers, and their first use.
    { device: 1, fn: 0, register: 0x10, size: 4, value: 0xffffffff },
    { device: 1, fn: 0, register: 0x10, size: 4 },
    { device: 1, fn: 0, register: 0x18, size: 4, value: 0xffffffff },
    { device: 1, fn: 0, register: 0x18, size: 4 },
    bridge(0x60, 4, 0xe0000001),
    bridge(0x60, 4),
    // CMOS memory: equipment, memory, CPUs.
    ...[0x10, 0x15, 0x16, 0x17, 0x18, 0x30, 0x31, 0x34, 0x35, 0x5b, 0x5c, 0x5d, 0x5f].flatMap(
      (index): FlashAccess[] => [
        { port: 0x70, size: 1, value: index },
        { port: 0x71, size: 1 },
      ],
    ),
  ];
  await expectSameAccesses(script, 0x10000);
});

const piix3 = functionAt(1);
const power = functionAt(1, 3);

/** Every register of a function, but for those that `left` says. */
const everyRegister = (fn: Function, ...left: readonly number[]): FlashAccess[] =>
  Array.from({ length: 64 }, (_, i) => i * 4)
    .filter((register) => !left.includes(register))
    .map((register) => fn(register, 4));

test.skipIf(!hasQemu)("the chipset of pc comes out of its reset as QEMU's", async () => {
  const script: FlashAccess[] = [
    ...[bridge, piix3, functionAt(1, 1), functionAt(2)].flatMap((fn) => everyRegister(fn)),
    // Which serial ports there are.
    ...everyRegister(power, 0x64),
    ...everyRegister(functionAt(1, 2)).slice(0, 4),
    functionAt(0x1f)(0, 4),
    // Power management shows where it has been put, and nowhere before.
    { port: 0x604, size: 2 },
    power(0x40, 4, 0x601),
    power(0x40, 4),
    { port: 0x604, size: 2 },
    power(0x80, 1, 1),
    ...[2, 4, 6].map((offset): FlashAccess => ({ port: 0x600 + offset, size: 2 })),
    { port: 0x60c, size: 4 },
    { port: 0x63e, size: 2 },
    { port: 0x602, size: 2, value: 0x321 },
    { port: 0x602, size: 2 },
    { port: 0x620, size: 1 },
    power(0x40, 4, 0xb001),
    { port: 0xb002, size: 2 },
    { port: 0x602, size: 2 },
    power(0x40, 4),
    power(0x80, 1),
    power(0x90, 4),
    // General purpose events, at ports of their own.
    ...[0, 1, 2, 3].map((offset): FlashAccess => ({ port: 0xafe0 + offset, size: 1 })),
    { port: 0xafe2, size: 1, value: 0x5a },
    { port: 0xafe3, size: 1, value: 0xa5 },
    { port: 0xafe0, size: 4 },
    { port: 0xafe2, size: 2 },
    // Interrupt routing, the reset register.
    ...[0, 1, 2, 3].flatMap((i) => [piix3(0x60 + i, 1, 0x0a + i), piix3(0x60 + i, 1)]),
    { port: 0xcf9, size: 1, value: 0x0a },
    { port: 0xcf9, size: 1 },
    // Base address registers: the IDE function's.
    functionAt(1, 1)(0x20, 4, 0xffffffff),
    functionAt(1, 1)(0x20, 4),
    // CMOS memory: equipment, memory, CPUs.
    ...[0x10, 0x14, 0x15, 0x16, 0x17, 0x18, 0x30, 0x31, 0x34, 0x35, 0x5b, 0x5c, 0x5d, 0x5f].flatMap(
      (index): FlashAccess[] => [
        { port: 0x70, size: 1, value: index },
        { port: 0x71, size: 1 },
      ],
    ),
    // The floppy controller is there without a floppy.
    { port: 0x3f4, size: 1 },
  ];
  await expectSameAccesses(script, 0x10000, "pc");
});

const FLASH_TOP = 0x1_0000_0000;

/** Random sequences of commands to a chip of `bytes` at `start`, and what it says. */
function flashCommands(start: number, bytes: number, seed: number): FlashAccess[] {
  const next = random(seed);
  const below = (n: number): number => next() % n;
  const place = (): number => start + below(bytes);
  const script: FlashAccess[] = [];
  const write = (memory: number, value: number): void => void script.push({ memory, value });
  const READ_STATUS = 0x70;
  for (let i = 0; i < 120; i++) {
    const at = place();
    switch (below(8)) {
      case 0:
        // Erasing before programming: QEMU's sets bits, too.
        write(at, 0x20);
        write(at, 0xd0);
        script.push({ memory: at });
        write(at, 0xff);
        for (let n = below(20); n >= 0; n--) {
          const there = (at & ~0xfff) + below(0x1000);
          write(there, 0xff);
          script.push({ memory: there });
        }
        break;
      case 1: {
        const block = at & ~0xfff;
        write(block, 0x20);
        write(block, 0xd0);
        write(block, below(2) ? 0x10 : 0x40);
        write(at, below(256));
        script.push({ memory: at });
        write(at, READ_STATUS);
        script.push({ memory: place() });
        write(at, 0xff);
        script.push({ memory: at }, { memory: at & ~3, size: 4 });
        break;
      }
      case 2: {
        const block = at & ~0xfff;
        const count = 1 + below(16);
        write(block, 0x20);
        write(block, 0xd0);
        write(block, 0xe8);
        script.push({ memory: block });
        write(block, count - 1);
        for (let n = 0; n < count; n++) write(block + n, below(256));
        write(block, 0xd0);
        script.push({ memory: block });
        write(block, 0xff);
        for (let n = 0; n <= count; n++) script.push({ memory: block + n });
        break;
      }
      case 3:
        write(at, 0x90);
        script.push({ memory: at });
        write(at, 0xff);
        break;
      case 7:
        write(at, 0x50);
        script.push({ memory: at });
        write(at, READ_STATUS);
        script.push({ memory: at });
        write(at, 0xff);
        break;
      case 4:
        write(at, 0x60);
        write(at, below(2) ? 0xd0 : 0x01);
        script.push({ memory: at });
        write(at, 0xff);
        break;
      case 5:
        write(at, 0x98);
        for (const index of [0x10, 0x11, 0x12, 0x13, 0x27, 0x2c])
          script.push({ memory: start + index });
        write(at, 0xff);
        write(at, 0xff);
        break;
      default:
        script.push({ memory: at }, { memory: at & ~1, size: 2 });
    }
  }
  return script;
}

test.skipIf(!hasQemu).each([1, 2, 3])("chips of flash answer as QEMU's, seed %i", async (seed) => {
  const [codeBytes, bytes] = [0x10000, 0x8000];
  const start = FLASH_TOP - codeBytes - bytes;
  const script = flashCommands(start, bytes, seed);
  // A chip that is read-only: errors.
  const code = FLASH_TOP - codeBytes + 0x2000;
  script.push({ memory: code, value: 0x40 }, { memory: code, value: 0x12 }, { memory: code });
  script.push({ memory: code, value: 0x50 }, { memory: code });
  const image = flashImage(script, codeBytes);
  const variables = Uint8Array.from({ length: bytes }, (_, i) => (i * 7) & 0xff);
  const folder = mkdtempSync(join(tmpdir(), "emu-flash-"));
  const file = (name: string, contents: Uint8Array): string => {
    writeFileSync(join(folder, name), contents);
    return join(folder, name);
  };
  const theirs = firmwareOnQemu([
    ...["-drive", `if=pflash,format=raw,readonly=on,file=${file("code", image)}`],
    ...["-drive", `if=pflash,format=raw,file=${file("variables", variables)}`],
    ...["-device", "isa-debug-exit,iobase=0xf4,iosize=4"],
  ]);
  const left = readFileSync(join(folder, "variables"));
  rmSync(folder, { recursive: true });
  const kept = variables.slice();
  const ours = await firmwareHere(undefined, 0xe9, {
    flash: [
      { image, readOnly: true },
      {
        persistent: true,
        image: {
          ...bytesImage("variables", kept),
          write: (offset: number, part: Uint8Array) => kept.set(part, offset),
        },
      },
    ],
  });
  const reads = script.filter((x) => x.value === undefined);
  const told = (log: string) =>
    log
      .trimEnd()
      .split("\n")
      .map((line, i) => `${i} ${JSON.stringify(reads[i])}: ${line}`);
  expect(told(ours).length).toBe(reads.length);
  expect(told(ours)).toEqual(told(theirs));
  expect(Buffer.from(kept).equals(left)).toBe(true);
});

const SEABIOS = "/usr/share/seabios/bios-256k.bin";
const VGA_BIOS = "/usr/share/seabios/vgabios-stdvga.bin";
const hasSeaBios = (() => {
  try {
    return readFileSync(SEABIOS).length > 0 && readFileSync(VGA_BIOS).length > 0;
  } catch {
    return false;
  }
})();

/** Lines about what QEMU has and this machine does not, or that are the host's. */
const OTHERS = [
  // QEMU's own expansion ROM, and what is left where it is not.
  /kvmvapic|option rom at ca00|Space available for UMB|ZoneHigh|e820 map|^ +\d: /,
  // The parallel port, and the length of the DSDT.
  /lpt ports|parse DSDT|MPTABLE/,
  // An address above 4 GiB that AMD's processors reserve.
  /00000100000000/,
  // Model-specific registers that a processor with more memory type ranges has.
  /wrmsr_smp/,
  // Which of the root tables is looked at first.
  /table\(50434146\)/,
  /qemu-system|terminating/,
];

/** With q35 the SMBus, too. */
const OTHERS_OF = { q35: [/1f\.3|PCI devices|^PCI: IO/], pc: [] } as const;

/** A log without numbers of addresses. */
const comparable = (log: string, machine: Board): string[] =>
  log
    .split("\n")
    .filter(
      (line) =>
        line !== "" && ![...OTHERS, ...OTHERS_OF[machine]].some((other) => other.test(line)),
    )
    .map((line) => line.replace(/0x[0-9a-f]{6,}(\/[0-9a-f]+)?|bdf=\S+ +bar.*/g, "…"))
    .sort();

test.skipIf(!hasQemu || !hasSeaBios).each(["q35", "pc"] as const)(
  "SeaBIOS finds the same %s as on QEMU",
  async (machine) => {
    // The guest's own end: nothing boots, so SeaBIOS starts anew after a second, which ends the run.
    const options = [
      "-smp",
      "2",
      "-boot",
      "reboot-timeout=1000",
      "-global",
      "isa-debugcon.iobase=0x402",
      "-machine",
      machine,
    ];
    const theirs = comparable(
      firmwareOnQemu(["-bios", SEABIOS, ...options, "-serial", "null"]),
      machine,
    );
    const bootMenu = { failWaitMs: 1000 };
    const ours = comparable(
      await firmwareHere(SEABIOS, 0x402, { machine, cpus: 2, vgaRom: VGA_BIOS, bootMenu }),
      machine,
    );
    const missing = theirs.filter((line) => !ours.includes(line));
    const more = ours.filter((line) => !theirs.includes(line));
    expect({ missing, more }).toEqual({ missing: [], more: [] });
    expect(ours.length).toBeGreaterThan(50);
  },
);
