// The text screen on framebuffers of every kind and in VGA text memory, run in Node: what it writes is looked at as
// pixels, of which the fields are those of the description, and read as text.

import { beforeAll, describe, expect, it } from "vitest";
import { guestModule } from "../asc/guest.ts";
import { GLYPH_LINES, textFont } from "./font.ts";
import { fontTable } from "./object.ts";
import { type Picture, textOfPicture } from "./testing/picture.ts";

interface Exports {
  memory: WebAssembly.Memory;
  scratch(): number;
  isFramebuffer(description: number): number;
  openPixelScreen(description: number, fields: number, at: bigint): void;
  openVgaScreen(page: bigint): void;
  putOnScreen(code: number): void;
  putByteOnScreen(byte: number): void;
  setScreenColor(value: number): void;
  moveOnScreen(x: number, y: number): void;
  clearScreen(): void;
  flushScreen(): void;
  screenColumns(): number;
  screenRows(): number;
  screenCursor(): number;
}

interface Mode {
  width: number;
  height: number;
  bits: number;
  pitch?: number;
  /** Position and size of red, green and blue; none given: left to the screen. */
  fields?: readonly number[];
  /** 1 unless stated. */
  kind?: number;
  address?: bigint;
}

const BASE = 0x12_3456_7000n;
const FONT = 0xffff_ffff_0000_0000n;

class Screen {
  readonly exports: Exports;
  /** Video memory, and how often it was written to. */
  bytes = new Uint8Array(0);
  writes = 0;
  mode: Mode = { width: 0, height: 0, bits: 0 };

  constructor(module: WebAssembly.Module) {
    const font = new DataView(fontTable().buffer);
    const write = (size: number) => (address: bigint, value: bigint) => {
      const at = Number(BigInt.asUintN(64, address) - BASE);
      if (at < 0 || at + size > this.bytes.length) throw new RangeError(`byte ${at} of the screen`);
      for (let i = 0; i < size; i++) this.bytes[at + i] = Number((value >> BigInt(8 * i)) & 0xffn);
      this.writes++;
    };
    const fontAt = (address: bigint) => Number(BigInt.asUintN(64, address) - FONT);
    this.exports = new WebAssembly.Instance(module, {
      symbol: { screen_font: () => FONT },
      x86: {
        load8: (address: bigint) => BigInt(font.getUint8(fontAt(address))),
        load16: (address: bigint) => BigInt(font.getUint16(fontAt(address), true)),
        store16: write(2),
        store32: write(4),
        store64: write(8),
      },
    }).exports as unknown as Exports;
  }

  describe(mode: Mode): number {
    const { width, height, bits, kind = 1, address = BASE } = mode;
    const pitch = mode.pitch ?? width * Math.ceil(bits / 8);
    this.mode = { ...mode, pitch };
    const at = this.exports.scratch();
    const view = new DataView(this.exports.memory.buffer);
    view.setBigUint64(at, address, true);
    [pitch, width, height].forEach((value, i) => {
      view.setUint32(at + 8 + 4 * i, value, true);
    });
    const fields = mode.fields ?? [0, 0, 0, 0, 0, 0];
    [bits, kind, ...fields].forEach((value, i) => {
      view.setUint8(at + 20 + i, value);
    });
    return at;
  }

  open(mode: Mode): void {
    const at = this.describe(mode);
    expect(this.exports.isFramebuffer(at)).toBe(1);
    // No byte beyond the last line's last pixel is the screen's.
    const pitch = this.mode.pitch as number;
    this.bytes = new Uint8Array(
      pitch * (mode.height - 1) + mode.width * Math.ceil(mode.bits / 8),
    ).fill(0xa5);
    this.exports.openPixelScreen(at, at + 22, BASE);
  }

  print(text: string): void {
    for (const byte of new TextEncoder().encode(text)) this.exports.putByteOnScreen(byte);
    this.exports.flushScreen();
  }

  /** Raw pixels, and what is in a line behind them. */
  picture(): Picture {
    const { width, height, bits, pitch = 0 } = this.mode;
    const size = Math.ceil(bits / 8);
    const pixels = new Uint32Array(width * height);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        let pixel = 0;
        for (let i = size - 1; i >= 0; i--)
          pixel = pixel * 256 + (this.bytes[y * pitch + x * size + i] ?? 0);
        pixels[y * width + x] = pixel;
      }
    }
    return { width, height, pixels };
  }

  rows(scale = 1): string[] {
    const rows = textOfPicture(this.picture(), scale);
    return rows.slice(0, rows.findLastIndex((row) => row !== "") + 1);
  }
}

const RGB888 = [16, 8, 8, 8, 0, 8];

describe("a text screen", () => {
  let module: WebAssembly.Module;
  let screen: Screen;

  beforeAll(async () => {
    const { wasm } = await guestModule({
      entry: "tools/screen/testing/probe.ts",
      args: ["--use", "abort="],
    });
    module = new WebAssembly.Module(wasm);
  });

  const opened = (mode: Mode): Screen => {
    screen = new Screen(module);
    screen.open(mode);
    return screen;
  };

  it.each<[string, Mode]>([
    ["32 bits", { width: 640, height: 400, bits: 32, fields: RGB888 }],
    ["32 bits, blue first", { width: 640, height: 400, bits: 32, fields: [0, 8, 8, 8, 16, 8] }],
    ["32 bits, 10 a field", { width: 640, height: 400, bits: 32, fields: [20, 10, 10, 10, 0, 10] }],
    ["24 bits", { width: 641, height: 403, bits: 24, fields: RGB888 }],
    ["24 bits and a gap behind each line", { width: 640, height: 400, bits: 24, pitch: 2048 }],
    ["16 bits", { width: 640, height: 400, bits: 16, fields: [11, 5, 5, 6, 0, 5] }],
    ["15 bits", { width: 636, height: 400, bits: 15, pitch: 1280, fields: [10, 5, 5, 5, 0, 5] }],
    ["8 bits, indexed", { width: 640, height: 400, bits: 8, kind: 0 }],
    ["an odd size", { width: 333, height: 77, bits: 32, pitch: 1357 }],
  ])("has the characters of the font: %s", (_name, mode) => {
    const { exports } = opened(mode);
    screen.print("Hello, world\n\tÄrger in Größe α≥β?\r\nend");
    expect(screen.rows()).toEqual(["Hello, world", "        Ärger in Größe α≥■?", "end"]);
    expect(exports.screenColumns()).toBe(Math.floor(mode.width / 8));
    expect(exports.screenRows()).toBe(Math.floor(mode.height / 16));
    const pitch = screen.mode.pitch as number;
    const line = mode.width * Math.ceil(mode.bits / 8);
    const gap = screen.bytes.subarray(line, pitch);
    expect(gap.every((byte) => byte === 0xa5)).toBe(true);
  });

  it.each<[string, Mode, number, number]>([
    [
      "the fields of the description",
      { width: 64, height: 16, bits: 32, fields: [0, 8, 8, 8, 16, 8] },
      0xaaaaaa,
      0xaa0000,
    ],
    [
      "those of 16 bits where none are described",
      { width: 64, height: 16, bits: 16 },
      0xad55,
      0x15,
    ],
    ["those of 15 bits", { width: 64, height: 16, bits: 15 }, 0x56b5, 0x15],
    [
      "10 bits a field",
      { width: 64, height: 16, bits: 32, fields: [20, 10, 10, 10, 0, 10] },
      (0x2a8 << 20) | (0x2a8 << 10) | 0x2a8,
      0x2a8,
    ],
    ["VGA's palette", { width: 64, height: 16, bits: 8, kind: 0 }, 7, 1],
  ])("has colours by %s", (_name, mode, grey, blue) => {
    opened(mode);
    screen.exports.setScreenColor(0x17);
    screen.print("H");
    const { pixels } = screen.picture();
    const h = textFont()[0x48 * GLYPH_LINES + 2] as number;
    for (let x = 0; x < 8; x++)
      expect(pixels[2 * mode.width + x]).toBe(h & (0x80 >> x) ? grey : blue);
    expect(pixels[8]).toBe(0);
  });

  it.each([
    [1920, 1, 240],
    [2560, 2, 160],
    [3840, 3, 160],
  ])("of %i pixels a line has characters of %i times the size", (width, scale, columns) => {
    opened({ width, height: 100, bits: 16 });
    expect(screen.exports.screenColumns()).toBe(columns);
    screen.print("large\nSecond");
    expect(screen.rows(scale)).toEqual(["large", "Second"]);
  });

  it("goes on in the next row where one is full, and scrolls", () => {
    opened({ width: 80, height: 48, bits: 32 });
    screen.print("0123456789");
    expect(screen.rows()).toEqual(["0123456789"]);
    screen.print("\nfull row, no blank one\n");
    expect(screen.rows()).toEqual(["no blank o", "ne"]);
  });

  it("draws only what has changed", () => {
    opened({ width: 640, height: 400, bits: 32 });
    screen.print("abc\n");
    const before = screen.writes;
    screen.print("abcd");
    const four = screen.writes - before;
    // A cell is 16 lines of 32 bytes.
    expect(four).toBe(4 * 16 * 4);
    screen.exports.moveOnScreen(0, 1);
    screen.print("abce");
    expect(screen.writes - before - four).toBe(16 * 4);
  });

  it.each([
    ["overlong", [0xc0, 0xaf, 0x41], "■■A"],
    ["a surrogate", [0xed, 0xa0, 0x80, 0x41], "■■■A"],
    ["too high", [0xf4, 0x90, 0x80, 0x80, 0x41], "■■■■A"],
    ["cut off", [0xe2, 0x82, 0x41], "■A"],
    ["a character that the font has not", [0xf0, 0x9f, 0x98, 0x80, 0x41], "■A"],
    ["a continuation alone", [0x80, 0x41], "■A"],
    ["colours of a terminal", [0x1b, 0x5b, 0x33, 0x31, 0x6d, 0x41, 0x1b, 0x37, 0x42], "AB"],
  ])("takes UTF-8 as it comes: %s", (_name, bytes, expected) => {
    opened({ width: 640, height: 400, bits: 32 });
    for (const byte of bytes) screen.exports.putByteOnScreen(byte);
    screen.exports.flushScreen();
    expect(screen.rows()).toEqual([expected]);
  });

  it("can be VGA text memory", () => {
    screen = new Screen(module);
    screen.bytes = new Uint8Array(4000);
    screen.exports.openVgaScreen(BASE);
    screen.exports.setScreenColor(0x1e);
    screen.print("Hi é\n");
    expect([...screen.bytes.subarray(0, 10)]).toEqual([
      0x48, 0x1e, 0x69, 0x1e, 0x20, 0x1e, 0x82, 0x1e, 0x20, 0x07,
    ]);
    expect(screen.exports.screenCursor()).toBe(80);
  });

  it.each<[string, Mode]>([
    ["no address", { width: 640, height: 480, bits: 32, address: 0n }],
    ["an address beyond memory", { width: 640, height: 480, bits: 32, address: 1n << 52n }],
    ["an end beyond memory", { width: 640, height: 480, bits: 32, address: (1n << 52n) - 4096n }],
    ["lines that overlap", { width: 640, height: 480, bits: 32, pitch: 2559 }],
    ["no pixels", { width: 0, height: 480, bits: 32 }],
    ["a huge line", { width: 0x4000_0000, height: 480, bits: 32, pitch: 640 }],
    ["no room for a character", { width: 640, height: 15, bits: 32 }],
    ["4 bits", { width: 640, height: 480, bits: 4, kind: 0 }],
    ["text", { width: 80, height: 25, bits: 16, kind: 2 }],
    ["a palette for 32 bits", { width: 640, height: 480, bits: 32, kind: 0 }],
  ])("is refused on a framebuffer with %s", (_name, mode) => {
    screen = new Screen(module);
    expect(screen.exports.isFramebuffer(screen.describe(mode))).toBe(0);
  });
});
