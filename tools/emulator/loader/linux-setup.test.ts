// Linux images that are entered through their 16-bit setup code: what that finds, as on QEMU, which enters all so.

import { expect, test } from "vitest";
import {
  Assembler,
  al,
  ax,
  bl,
  bx,
  byte,
  cs,
  cx,
  ds,
  dx,
  es,
  fs,
  si,
  sp,
  ss,
  word,
} from "../../asm/index.ts";
import { hasQemu } from "../../testing/host-tools.ts";
import { Machine } from "../host/machine.ts";
import { runOnQemu } from "../platform/testdata/qemu.ts";

const SECTOR = 512;
const DEBUG_CONSOLE = 0xe9;
const DEBUG_EXIT = 0xf4;
const RAMDISK_SIZE = 0x21c;
const CMD_LINE_PTR = 0x228;

/** Setup code that writes segments and stack, the RAM disk's size, what INT 12h says, and the command line. */
function setupImage(version: number, code32Start: number): Uint8Array {
  const a = new Assembler({ bits: 16, name: "setup" });
  a.section(".text");
  a.jmp("begin").align(0x80);
  a.label("begin");
  for (const register of [cs, ds, es, fs, ss]) a.mov(ax, register).call("hex");
  a.mov(ax, sp).call("hex").mov(ax, word(RAMDISK_SIZE)).call("hex").int(0x12).call("hex");
  a.mov(si, word(CMD_LINE_PTR))
    .mov(ax, word(CMD_LINE_PTR + 2))
    .shl(ax, 12)
    .mov(ds, ax);
  a.label("next");
  a.mov(al, byte(si)).inc(si).test(al, al).jz("end").out(DEBUG_CONSOLE, al).jmp("next");
  a.label("end");
  a.mov(dx, DEBUG_EXIT).xor(ax, ax).out(dx, ax).hlt();
  a.label("hex");
  a.mov(bx, ax).mov(cx, 4);
  a.label("digit");
  a.rol(bx, 4).mov(al, bl).and(al, 15).add(al, 0x30).out(DEBUG_CONSOLE, al).loop("digit");
  a.mov(al, 10).out(DEBUG_CONSOLE, al).ret();
  // The jump at the start is the header's, whose length is its second byte.
  const { bytes } = a.flat({ origin: SECTOR });
  const image = new Uint8Array(4 * SECTOR);
  image.set(bytes, SECTOR);
  const view = new DataView(image.buffer);
  view.setUint8(0x1f1, 1);
  view.setUint16(0x1fe, 0xaa55, true);
  view.setUint32(0x202, 0x53726448, true);
  view.setUint16(0x206, version, true);
  view.setUint8(0x211, 1);
  view.setUint32(0x214, code32Start, true);
  view.setUint32(0x22c, 0x37ffffff, true);
  return image;
}

/** Before the 32-bit entry was specified; since, in an image that has none. */
const IMAGES = [
  [0x0203, 0x100000],
  [0x0207, 0],
] as const;

const DISK = new Uint8Array(0x1234);
const APPEND = "quiet splash";

async function run(kernel: Uint8Array): Promise<string> {
  let text = "";
  const machine = await Machine.create({
    kernel,
    memory: "128M",
    append: APPEND,
    modules: [{ file: DISK }],
    debugExit: { iobase: DEBUG_EXIT, iosize: 4 },
    onDebugConsole: (value) => {
      text += String.fromCharCode(value);
    },
  });
  expect(machine.runSync({ instructions: 1_000_000 })).toEqual({ kind: "debug-exit", status: 1 });
  return text;
}

// Digits above 9 are the characters behind them.
test.each(IMAGES)("setup code of protocol %i is entered in real mode", async (version, code32) => {
  expect(await run(setupImage(version, code32))).toBe(
    `1020\n${"1000\n".repeat(4)}???0\n1234\n027?\n${APPEND}`,
  );
});

test.skipIf(!hasQemu)("setup code finds what it finds on QEMU", async () => {
  for (const [version, code32] of IMAGES) {
    const kernel = setupImage(version, code32);
    const text = await run(kernel);
    const { debugcon } = runOnQemu(kernel, [DISK], ["-m", "128M", "-append", APPEND]);
    // What SeaBIOS writes to the same port comes first.
    expect(debugcon.slice(-text.length)).toBe(text);
  }
});
