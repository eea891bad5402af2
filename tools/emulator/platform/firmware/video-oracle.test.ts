// INT 10h against QEMU's video BIOS: text, palette, fonts and VBE call by call, and what the VGA's registers hold in
// every mode.

import { expect, test } from "vitest";
import { hasQemu } from "../../../testing/host-tools.ts";
import { Machine } from "../../host/machine.ts";
import { biosCallsImage } from "../testdata/bios-calls.ts";
import { BUFFER, call, expectSeaBiosAnswers, type Question } from "../testdata/bios-questions.ts";
import { bootOnQemu } from "../testdata/qemu.ts";
import { vgaRegistersImage } from "../testdata/vga-registers.ts";

const VIDEO = 0x10;
const SCREEN = 0xb8000;

const ask = (what: string, eax: number, more: Partial<Question> = {}): Question =>
  call(what, VIDEO, eax, more);

/** Memory after the calls before it; the equipment word, which INT 11h gives, is not compared. */
const shows = (what: string, at: number, bytes: number): Question => ({
  what,
  vector: 0x11,
  show: { at, bytes },
  ignored: ["eax"],
});

/** The data area: mode to CRTC address, and rows to control byte, which lie in two pieces of it. */
const area = (what: string): Question[] => [
  shows(`${what}: mode, pages and cursors`, 0x440, 0x25),
  shows(`${what}: rows and lines`, 0x480, 8),
];

const cell = (row: number, column = 0): number => SCREEN + row * 160 + column * 2;

const text: Question[] = [
  ask("mode 3", 0x0003),
  ...area("mode 3"),
  ask("mode 3, memory kept", 0x0083),
  ask("the mode", 0x0f00),
  ask("a mode that is none", 0x0055),
  ask("a cursor shape", 0x0100, { ecx: 0x0b0c }),
  ask("no cursor", 0x0100, { ecx: 0x2000 }),
  ask("a block", 0x0100, { ecx: 0x0007 }),
  ask("the cursor", 0x0300),
  ask("the cursor of a page that is none", 0x0300, { ebx: 0x0900 }),
  ask("a position", 0x0200, { edx: 0x0305 }),
  ask("a position of page 1", 0x0200, { ebx: 0x0100, edx: 0x0101 }),
  ask("the position of page 0", 0x0300),
  ask("the position of page 1", 0x0300, { ebx: 0x0100 }),
  ask("light pen", 0x0400),
  ask("page 1", 0x0501),
  ...area("page 1"),
  ask("the mode with page 1", 0x0f00),
  ask("a page that is none", 0x0509),
  ask("page 0", 0x0500),
  ask("home", 0x0200),
  ask("three times A", 0x0941, { ebx: 0x001e, ecx: 3 }),
  ask("A", 0x0800),
  ask("twice B", 0x0a42, { ebx: 0x0033, ecx: 2 }),
  shows("the line", cell(0), 32),
  ask("twice C on page 1", 0x0943, { ebx: 0x0171, ecx: 2 }),
  ask("C on page 1", 0x0800, { ebx: 0x0100 }),
  shows("page 1", 0xb9000 + 160, 16),
  ask("the last but one", 0x0200, { edx: 0x184e }),
  ask("X", 0x0e58, { ebx: 7 }),
  ask("Y, which scrolls", 0x0e59, { ebx: 7 }),
  ...[13, 10, 8, 7, 9].map((c) => ask(`character ${c}`, 0x0e00 | c)),
  ask("where that leads", 0x0300),
  shows("the last line", cell(24), 32),
  ask("scroll up", 0x0601, { ebx: 0x2f00, edx: 0x184f }),
  shows("the new line", cell(24), 16),
  ask("scroll a window down", 0x0702, { ebx: 0x4f00, ecx: 0x0101, edx: 0x0505 }),
  shows("the window", cell(1), 32),
  ask("clear a window", 0x0600, { ebx: 0x1700, ecx: 0x0202, edx: 0x0303 }),
  shows("the cleared window", cell(2), 16),
  ask("a window upside down", 0x0601, { ebx: 0x1700, ecx: 0x0502, edx: 0x0303 }),
  ask("a window that is too wide", 0x0600, { ebx: 0x5200, ecx: 0x0a00, edx: 0x0bff }),
  shows("two lines of it", cell(10, 76), 16),
  ask("a string", 0x1300, {
    ebx: 0x0a,
    ecx: 5,
    edx: 0x0500,
    fill: { at: BUFFER, bytes: [0x41, 13, 10, 0x42, 7] },
  }),
  ask("the cursor has stayed", 0x0300),
  shows("the string", cell(5), 8),
  ask("a string and the cursor", 0x1301, { ebx: 0x0a, ecx: 3, edx: 0x0700 }),
  ask("where it is", 0x0300),
  ask("a string with attributes", 0x1303, {
    ecx: 2,
    edx: 0x0800,
    fill: { at: BUFFER, bytes: [0x41, 0x1d, 0x43, 0x42] },
  }),
  shows("its attributes", cell(8), 8),
  ask("an empty string", 0x1301, { edx: 0x0902 }),
  ask("where that is", 0x0300),
  ask("a string on page 1", 0x1301, { ebx: 0x010a, ecx: 1, edx: 0x0202 }),
  ask("the cursor of page 1", 0x0300, { ebx: 0x0100 }),
  ask("the adapter", 0x1200, { ebx: 0x10 }),
  ...[0x20, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x40].map((bl) =>
    ask(`alternate select ${bl.toString(16)}h`, 0x1201, { ebx: bl }),
  ),
  ask("the displays", 0x1a00),
  ask("other displays", 0x1a01, { ebx: 0x0708 }),
  ask("the displays again", 0x1a00),
  ask("a function that is none", 0x1a02),
  ask("state", 0x1b00, { ignored: ["memory"], because: "it begins with an address in the ROM" }),
  ...[0x1400, 0x1500, 0xfe00, 0xff00].map((ax) => ask(`AX=${ax.toString(16)}h`, ax)),
];

const colours: Question[] = [
  ask("mode 3", 0x0003),
  ask("characters of blocks", 0x1103, { ebx: 0x13 }),
  ask("no blinking", 0x1003),
  ask("blinking", 0x1003, { ebx: 1 }),
  ask("a palette register", 0x1000, { ebx: 0x3f01 }),
  ask("the register", 0x1007, { ebx: 1 }),
  ask("the border", 0x1001, { ebx: 0x0500 }),
  ask("its colour", 0x1008),
  ask("all registers", 0x1009, { show: { at: BUFFER, bytes: 17 } }),
  ask("other registers", 0x1002, {
    fill: { at: BUFFER, bytes: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 3] },
  }),
  ask("the other registers", 0x1009, { edx: 0x20, show: { at: BUFFER + 0x20, bytes: 17 } }),
  ask("a colour", 0x1010, { ebx: 5, ecx: 0x1122, edx: 0x3300 }),
  ask("the colour", 0x1015, { ebx: 5 }),
  ask("two colours", 0x1012, { ebx: 6, ecx: 2, fill: { at: BUFFER, bytes: [1, 2, 3, 4, 5, 6] } }),
  ask("three colours", 0x1017, {
    ebx: 5,
    ecx: 3,
    edx: 0x40,
    show: { at: BUFFER + 0x40, bytes: 9 },
  }),
  ask("the mask", 0x1019, { ours: { ebx: 0xff }, because: "the register holds FFh" }),
  ask("sixteen pages", 0x1013, { ebx: 0x0100 }),
  ask("the pages", 0x101a),
  ask("four pages", 0x1013),
  ask("grey", 0x101b, { ebx: 5, ecx: 2 }),
  ask("a grey", 0x1015, { ebx: 6 }),
  ask("a function that is none", 0x10ff),
];

const fonts: Question[] = [
  ask("mode 3", 0x0003),
  ...[0x1112, 0x1111, 0x1114, 0x1102, 0x1104, 0x11ff].flatMap((ax) => [
    ask(`AX=${ax.toString(16)}h`, ax),
    ...area(`after ${ax.toString(16)}h`),
  ]),
  ...[0, 1, 2, 3, 4, 5, 6, 7].map((bh) =>
    ask(`font ${bh}`, 0x1130, {
      ebx: bh << 8,
      ignored: ["ebp", "es"],
      because: "an address in the ROM",
    }),
  ),
];

const modes: Question[] = [0, 1, 2, 3, 4, 5, 6, 7, 0x0d, 0x0e, 0x10, 0x12, 0x13, 0x93, 3].flatMap(
  (mode) => [
    ask(`mode ${mode.toString(16)}h`, mode),
    ...area(`mode ${mode.toString(16)}h`),
    ...(mode === 0x12 || mode === 0x13
      ? [
          ask("a pixel", 0x0c05, { ecx: 10, edx: 3 }),
          ask("the pixel", 0x0d00, { ecx: 10, edx: 3 }),
          ask("the one beside it", 0x0d00, { ecx: 11, edx: 3 }),
        ]
      : []),
    ...(mode === 0x12
      ? [
          ask("exclusive or", 0x0c87, { ecx: 10, edx: 3 }),
          ask("its result", 0x0d00, { ecx: 10, edx: 3 }),
        ]
      : []),
  ],
);

const information = (mode: number): Question[] => [
  // Without the address of the window function, which ours has not, and numbers of images of VBE 3.0.
  ask(`mode ${mode.toString(16)}h`, 0x4f01, { ecx: mode, show: { at: BUFFER, bytes: 12 } }),
  shows(`size and colours of mode ${mode.toString(16)}h`, BUFFER + 0x10, 0x24),
];

const VESA_MODES = [
  ...[0x100, 0x101, 0x103, 0x105, 0x107, 0x10d, 0x10e, 0x10f, 0x110, 0x111, 0x112, 0x113, 0x114],
  ...[0x115, 0x116, 0x117, 0x118, 0x119, 0x11a, 0x11b, 0x11c, 0x11f, 0x140, 0x142, 0x143, 0x144],
  ...[0x145, 0x147, 0x148, 0x14c, 0x177, 0x180, 0x18a, 0x190, 0x196],
];

const vbe: Question[] = [
  ask("controller", 0x4f00, {
    fill: { at: BUFFER, bytes: [0x56, 0x42, 0x45, 0x32] },
    show: { at: BUFFER, bytes: 6 },
  }),
  shows("where the list of modes is, and memory", BUFFER + 0x10, 4),
  ask("a mode that is none", 0x4f01, {
    ecx: 0xff,
    fill: { at: BUFFER, bytes: [0, 0] },
    show: { at: BUFFER, bytes: 2 },
  }),
  ask("a text mode", 0x4f01, { ecx: 3, show: { at: BUFFER, bytes: 12 } }),
  shows("a text mode's size", BUFFER + 0x10, 16),
  ask("the mode", 0x4f03),
  ask("1024×768×24", 0x4f02, { ebx: 0x4118 }),
  ask("the mode that is set", 0x4f03),
  ...area("a linear mode"),
  ask("the line", 0x4f06, { ebx: 1 }),
  ask("a longer line", 0x4f06, { ebx: 0, ecx: 1200 }),
  ask("a shorter line than the picture", 0x4f06, { ebx: 0, ecx: 100 }),
  ask("a function of lines that is none", 0x4f06, { ebx: 4 }),
  ask("another start", 0x4f07, { ebx: 0, ecx: 8, edx: 16 }),
  ask("the start", 0x4f07, { ebx: 1 }),
  ask("the start at the retrace", 0x4f07, { ebx: 0x80 }),
  ask("a function of starts that is none", 0x4f07, { ebx: 5 }),
  ask("a palette of a mode that has none", 0x4f08, { ebx: 0x0800 }),
  ...[0x4f0a, 0x4f0b, 0x4f11, 0x4fff].map((ax) => ask(`AX=${ax.toString(16)}h`, ax)),
  ask("power", 0x4f10),
  ask("standby", 0x4f10, { ebx: 0x0101 }),
  ask("display data", 0x4f15),
  ask("a function of display data that is none", 0x4f15, { ebx: 2 }),
  ask("640×480×8", 0x4f02, { ebx: 0x4101 }),
  ask("eight bits a primary", 0x4f08, { ebx: 0x0800 }),
  ask("how many bits", 0x4f08, { ebx: 1 }),
  ask("six bits", 0x4f08, { ebx: 0x0600 }),
  ask("99 bits", 0x4f08, { ebx: 0x6300 }),
  ask("640×480×24, memory kept", 0x4f02, { ebx: 0xc112 }),
  ask("the mode with its bits", 0x4f03),
  ask("text", 0x4f02, { ebx: 3 }),
  ask("text is set", 0x4f03),
  ask("by banks", 0x4f02, { ebx: 0x0101 }),
  ask("banks are set", 0x4f03),
  ask("bank 3", 0x4f05, { edx: 3 }),
  ask("the bank", 0x4f05, { ebx: 0x0100 }),
  ask("mode 13h", 0x4f02, { ebx: 0x13 }),
  ask("mode 13h is set", 0x4f03),
  ask("mode 3 as ever", 0x0003),
  ask("mode 3 is set", 0x4f03),
];

test.skipIf(!hasQemu).each([
  ["text", text],
  ["colours", colours],
  ["fonts", fonts],
  ["modes", modes],
  ["VBE functions", vbe],
  ["information about VBE modes", VESA_MODES.flatMap(information)],
] as const)("%s as QEMU's video BIOS answers", async (_what, questions) => {
  const image = biosCallsImage(questions);
  await expectSeaBiosAnswers(questions, image, (file) => ["-drive", `file=${file},format=raw`], {
    disks: [{ kind: "disk", image }],
  });
});

test.skipIf(!hasQemu)(
  "the VGA's registers and palette in each mode are those of QEMU's",
  async () => {
    const modes = [0x00, 0x03, 0x04, 0x06, 0x0d, 0x0e, 0x0f, 0x10, 0x11, 0x12, 0x13, 0x02];
    const image = vgaRegistersImage(modes, 256);
    const machine = await Machine.create({ disks: [{ kind: "disk", image }] });
    expect(machine.runSync({ nanoseconds: 20e9 })).toEqual({ kind: "power-off" });
    const theirs = bootOnQemu(image, (file) => ["-drive", `file=${file},format=raw`]);
    expect(machine.serialOutput.split("\n")).toEqual(theirs.split("\n"));
    expect(theirs.split("\n").length).toBe(modes.length + 1);
  },
);
