// INT 11h, 12h, 15h, 16h and 1Ah against SeaBIOS in QEMU, call by call, and the clock's alarm.

import { expect, test } from "vitest";
import { ax, bx, cx, dx, es, si, word } from "../../../asm/index.ts";
import { hasQemu } from "../../../testing/host-tools.ts";
import { Machine } from "../../host/machine.ts";
import { biosAnswers, biosCallsImage } from "../testdata/bios-calls.ts";
import {
  BUFFER,
  call,
  expectSeaBiosAnswers,
  PACKET,
  type Question,
} from "../testdata/bios-questions.ts";
import { bootSector } from "../testdata/boot-sector.ts";

const SMAP = 0x534d4150;

/** Registers that have something in them, so that a service that changes one is seen. */
const ask = (what: string, vector: number, eax: number, more: Partial<Question> = {}): Question =>
  call(what, vector, eax, { ebx: 0x1111, ecx: 0x2222, edx: 0x3333, esi: 0x4444, ...more });

const e820 = (what: string, ebx: number, ecx: number, more: Partial<Question> = {}): Question =>
  ask(what, 0x15, 0xe820, { ebx, ecx, edx: SMAP, show: { at: BUFFER, bytes: 24 }, ...more });

/** Block moves: descriptors of 8 bytes, source at 10h, target at 18h. */
const descriptors = (source: number, target: number): NonNullable<Question["fill"]> => {
  const bytes = new Uint8Array(0x30);
  for (const [at, base] of [
    [0x10, source],
    [0x18, target],
  ] as const) {
    const address = [base & 0xff, (base >> 8) & 0xff, (base >> 16) & 0xff];
    bytes.set([0xff, 0xff, ...address, 0x93, 0, base >>> 24], at);
  }
  return { at: PACKET, bytes: [...bytes] };
};
const moves = (what: string, words: number, source: number, target: number): Question =>
  ask(what, 0x15, 0x8700, {
    ecx: words,
    es: PACKET >> 4,
    esi: 0,
    fill: descriptors(source, target),
    show: { at: BUFFER, bytes: 32 },
  });

const unsupported = (functions: readonly number[]): Question[] =>
  functions.map((ax) => ask(`AX=${ax.toString(16)}h`, 0x15, ax));

const ABSENT = "there is none, and programs are told so";
const CF = { carry: true };

const memory: Question[] = [
  ...[0, 1, 2, 3].map((n) => e820(`range ${n}`, n, 20)),
  e820("a buffer that is too small", 0, 19),
  e820("a range that is none", 0x55, 20),
  ask("a map without the signature", 0x15, 0xe820, { ebx: 0, ecx: 20 }),
  ask("a map by AX alone", 0x15, 0x7777e820, { ebx: 0, ecx: 20, edx: SMAP }),
  ask("E801", 0x15, 0xe801),
  ask("E881", 0x15, 0xe881, {
    ours: { eax: 0x3c00, ebx: 0x6fd, ecx: 0x3c00, edx: 0x6fd, carry: false },
    because: "E801 in 32-bit registers",
  }),
  ask("88", 0x15, 0x8800),
  ask("A20 off", 0x15, 0x2400),
  ask("is A20 on", 0x15, 0x2402),
  ask("A20 on", 0x15, 0x2401),
  ask("is A20 on now", 0x15, 0x2402),
  ask("A20's gates", 0x15, 0x2403),
  moves("a move down", 16, 0x7c00, BUFFER),
  moves("a move up", 16, 0x7c10, 0x400000),
  moves("a move back", 16, 0x400000, BUFFER),
  moves("no move", 0, 0x7c00, BUFFER),
  ask("INT 12h", 0x12, 0),
  ...unsupported([0x2404, 0xe802, 0xe8ff, 0x8a00, 0xc700, 0xd800]),
];

const system: Question[] = [
  ask("configuration", 0x15, 0xc000),
  ask("extended data area", 0x15, 0xc100),
  ask("a key on its way", 0x15, 0x4f1e),
  ask("ejection", 0x15, 0x5200),
  ask("a wait", 0x15, 0x8600, { ecx: 0, edx: 2000 }),
  ask("a device is busy", 0x15, 0x9000),
  ask("a device is ready", 0x15, 0x9100),
  ask("pointing device", 0x15, 0xc205, {
    ebx: 0x0300,
    ours: { eax: 0x8605, ebx: 0x0300, ...CF },
    because: ABSENT,
  }),
  ask("event wait", 0x15, 0x8301, { ours: { eax: 0x8601, ...CF }, because: ABSENT }),
  ...unsupported([0x0000, 0x0100, 0x2100, 0x8000, 0x8100, 0x8200, 0x8400, 0x8500, 0xc300, 0xc400]),
  ...unsupported([0xc800, 0xc900, 0xff00]),
];

const REAL_MODE: Partial<Question> = {
  ours: { ecx: 0 },
  because: "there are no entry points for protected mode",
};
/** SeaBIOS tells a failure by CF alone. */
const NOT_SUPPORTED = (al: number): Partial<Question> => ({
  ours: { eax: 0x0c00 | al },
  because: "APM 1.2, appendix A: function not supported",
});
/** All devices, as one. */
const ALL = { ebx: 1 };
const power: Question[] = [
  ask("APM is asked for", 0x15, 0x5300, { ebx: 0, ...REAL_MODE }),
  ask("APM of a device", 0x15, 0x5300, { ebx: 1, ...REAL_MODE }),
  ...[0x5301, 0x5304].map((ax) => ask(`AX=${ax.toString(16)}h`, 0x15, ax, { ebx: 0 })),
  ask("connected", 0x15, 0x5301, { ebx: 0 }),
  ask("idle", 0x15, 0x5305),
  ask("busy", 0x15, 0x5306),
  ask("standby", 0x15, 0x5307, { ...ALL, ecx: 1 }),
  ask("suspend", 0x15, 0x5307, { ...ALL, ecx: 2 }),
  ask("another state", 0x15, 0x5307, { ...ALL, ecx: 4 }),
  ask("another device off", 0x15, 0x5307, { ebx: 0x102, ecx: 3 }),
  ask("management on", 0x15, 0x5308, { ...ALL, ecx: 1 }),
  ask("defaults", 0x15, 0x5309, { ...ALL, ...NOT_SUPPORTED(0x09) }),
  ask("mains or battery", 0x15, 0x530a, { ...ALL }),
  ask("battery of its own", 0x15, 0x530a, { ebx: 0x8001 }),
  ask("an event", 0x15, 0x530b),
  ask("a state", 0x15, 0x530c, { ...ALL, ...NOT_SUPPORTED(0x0c) }),
  ask("a device's management", 0x15, 0x530d, { ...ALL, ecx: 1, ...NOT_SUPPORTED(0x0d) }),
  ask("version", 0x15, 0x530e, { ebx: 0, ecx: 0x0102 }),
  ask("version 1.0", 0x15, 0x530e, { ebx: 0, ecx: 0x0100 }),
  ask("engaged", 0x15, 0x530f, { ...ALL, ecx: 1 }),
  ask("capabilities", 0x15, 0x5310, { ebx: 0 }),
  ...[0x5311, 0x5312, 0x5380, 0x53ff].map((ax) =>
    ask(`AX=${ax.toString(16)}h`, 0x15, ax, NOT_SUPPORTED(ax & 0xff)),
  ),
];

/** SeaBIOS leaves what it happens to have in AL. */
const AL = (eax: number): Partial<Question> => ({ ours: { eax }, because: "AL stays" });

const time: Question[] = [
  ask("ticks are set", 0x1a, 0x0100, { ecx: 0x10, edx: 0x20 }),
  ask("time is set", 0x1a, 0x0300, { ecx: 0x1234, edx: 0x5600, ...AL(0) }),
  ask("the time", 0x1a, 0x0200, AL(0)),
  ask("the date is set", 0x1a, 0x0500, { ecx: 0x2026, edx: 0x1224, ...AL(0) }),
  ask("the date", 0x1a, 0x0400, AL(0)),
  ask("an alarm", 0x1a, 0x0600, { ecx: 0x1300, edx: 0 }),
  ask("a second alarm", 0x1a, 0x0600, {
    ecx: 0x1300,
    edx: 0,
    ours: { eax: 0x0600 },
    because: "CF alone says so",
  }),
  ask("no alarm", 0x1a, 0x0700, AL(0)),
  ...[0x0800, 0x0900, 0x0a00, 0x0b00, 0xb200, 0xff00].map((ax) =>
    ask(`AX=${ax.toString(16)}h`, 0x1a, ax),
  ),
];

/** The bridge at 0:1f.0. */
const BRIDGE = 0xf8;
const pci: Question[] = [
  ask("PCI BIOS", 0x1a, 0xb101, { ours: { edi: 0 }, because: "there is no 32-bit entry point" }),
  ask("a device", 0x1a, 0xb102, { ecx: 0x2918, edx: 0x8086, esi: 0 }),
  ask("a second one", 0x1a, 0xb102, { ecx: 0x2918, edx: 0x8086, esi: 1 }),
  ask("a device that is none", 0x1a, 0xb102, { ecx: 1, edx: 0x8086, esi: 0 }),
  ask("no vendor", 0x1a, 0xb102, {
    ecx: 1,
    edx: 0xffff,
    esi: 0,
    ours: { eax: 0x8302 },
    because: "PCI BIOS 2.1, 4.3.2: BAD_VENDOR_ID",
  }),
  ask("a class", 0x1a, 0xb103, { ecx: 0x030000, esi: 0 }),
  ask("a class of nobody", 0x1a, 0xb103, { ecx: 0x7f0000, esi: 0 }),
  ...[0xb108, 0xb109, 0xb10a].map((ax) =>
    ask(`a register by AX=${ax.toString(16)}h`, 0x1a, ax, { ebx: BRIDGE }),
  ),
  ask("a register beyond", 0x1a, 0xb108, {
    ebx: BRIDGE,
    edi: 0x100,
    ours: { eax: 0x8708, ecx: 0x2222, ...CF },
    because: "PCI BIOS 2.1, 4.4: BAD_REGISTER_NUMBER",
  }),
  ...[0xb10b, 0xb10c, 0xb10d].map((ax) =>
    ask(`a register set by AX=${ax.toString(16)}h`, 0x1a, ax, {
      ebx: BRIDGE,
      ecx: 0x55,
      edi: 0x3c,
    }),
  ),
  ask("what was set", 0x1a, 0xb108, { ebx: BRIDGE, edi: 0x3c }),
  ask("a special cycle", 0x1a, 0xb106),
  ask("routing", 0x1a, 0xb10f),
];

const keyboard: Question[] = [
  ...[0x0100, 0x1100, 0x0200, 0x1200, 0x0305, 0x0400, 0x0900, 0x0a00, 0x9200, 0xa200].map((ax) =>
    ask(`AX=${ax.toString(16)}h`, 0x16, ax),
  ),
  ask("a key is put", 0x16, 0x0500, { ecx: 0x1e61 }),
  ask("it is seen", 0x16, 0x0100),
  ask("it is seen again", 0x16, 0x1100),
  ask("it is read", 0x16, 0x0000),
  ask("there is none", 0x16, 0x0100),
  ...[0x1300, 0x2000, 0x6f08, 0x6f00, 0xff00].map((ax) => ask(`AX=${ax.toString(16)}h`, 0x16, ax)),
];

test.skipIf(!hasQemu).each([
  ["memory", memory],
  ["system", system],
  ["APM", power],
  ["time", time],
  ["PCI BIOS", pci],
  ["keyboard", keyboard],
] as const)("%s as SeaBIOS answers", async (_what, questions) => {
  const image = biosCallsImage(questions);
  await expectSeaBiosAnswers(questions, image, (file) => ["-drive", `file=${file},format=raw`], {
    disks: [{ kind: "disk", image }],
  });
});

test("a range of memory with room for attributes has them", async () => {
  const questions = [e820("range", 0, 24)];
  const image = biosCallsImage(questions);
  const machine = await Machine.create({ disks: [{ kind: "disk", image }] });
  machine.runSync({ nanoseconds: 10e9 });
  // RAM, which counts (ACPI 6.4, 15.1: extended attributes, bit 0).
  expect(machine.serialOutput.trim().slice(-16)).toBe("0100000001000000");
});

test.each([
  ["16-bit", 0x5302, 0x06],
  ["32-bit", 0x5303, 0x08],
])("there is no %s interface of APM", async (_what, eax, code) => {
  const questions = [ask("connect", 0x15, eax, { ebx: 0 })];
  const machine = await Machine.create({
    disks: [{ kind: "disk", image: biosCallsImage(questions) }],
  });
  machine.runSync({ nanoseconds: 10e9 });
  const [answer] = biosAnswers(questions, machine.serialOutput);
  expect(answer).toMatchObject({ eax: (code << 8) | (eax & 0xff), carry: true });
});

test("APM waits for an interrupt where a program is idle, and turns the machine off", async () => {
  const image = bootSector((a) => {
    a.sti();
    // Ticks are 55 ms apart.
    for (let i = 0; i < 20; i++) a.mov(ax, 0x5305).int(0x15);
    a.mov(ax, 0x5307).mov(bx, 1).mov(cx, 3).int(0x15);
    a.label("end");
    a.jmp("end");
  });
  const machine = await Machine.create({ disks: [{ kind: "disk", image }] });
  expect(machine.runSync({ nanoseconds: 10e9 })).toEqual({ kind: "power-off" });
  expect(machine.core.time()).toBeGreaterThan(1e9);
});

test("the alarm of the clock is INT 4Ah", async () => {
  const image = bootSector((a) => {
    a.mov(word(0x4a * 4), "alarm").mov(word(0x4a * 4 + 2), es);
    // The machine starts at midnight.
    a.mov(ax, 0x0600).mov(cx, 0).mov(dx, 0x0200).int(0x1a);
    a.mov(si, "set").call("puts");
    a.label("wait");
    a.sti().hlt().cmp(word("rung"), 0).je("wait");
    a.jmp("end");
    a.label("alarm");
    a.push(si).push(ax).push(dx).mov(si, "rings").call("puts").inc(word("rung"));
    a.pop(dx).pop(ax).pop(si).iret();
    a.label("rung");
    a.dw(0);
    a.label("set");
    a.db("set\n", 0);
    a.label("rings");
    a.db("rings\n", 0);
    a.label("end");
  });
  const machine = await Machine.create({ disks: [{ kind: "disk", image }] });
  expect(machine.runSync({ nanoseconds: 10e9 })).toEqual({ kind: "power-off" });
  expect(machine.serialOutput).toBe("set\nrings\n");
});
