// The video modes of the IBM VGA (IBM PS/2 hardware interface technical reference, "Video Subsystem"; FreeVGA): what
// the registers hold in each, and the palettes. Values are those that SeaVGABIOS leaves, read back.

export type VideoKind = "text" | "cga" | "planar" | "packed";

export interface VideoMode {
  kind: VideoKind;
  columns: number;
  rows: number;
  /** Lines of a character. */
  lines: number;
  /** Bytes from one page to the next, as the BIOS data area has it. */
  pageBytes: number;
  palette: PaletteKind;
  miscellaneous: number;
  /** Sequencer registers 1 to 4. */
  sequencer: readonly number[];
  crtc: readonly number[];
  graphics: readonly number[];
  attribute: readonly number[];
}

export type PaletteKind = "monochrome" | "cga" | "ega" | "vga";

const bytes = (digits: string): number[] =>
  (digits.match(/../g) ?? []).map((b) => Number.parseInt(b, 16));

const CRTC = {
  text40: "2d2728902ba0bf1f004f0d0e000000009c8e8f141f96b9a3ff",
  text80: "5f4f50825581bf1f004f0d0e000000009c8e8f281f96b9a3ff",
  cga320: "2d2728902b80bf1f00c10000000000009c8e8f140096b9a2ff",
  cga640: "5f4f50825480bf1f00c10000000000009c8e8f280096b9c2ff",
  ega320: "2d2728902b80bf1f00c00000000000009c8e8f140096b9e3ff",
  ega640: "5f4f50825480bf1f00c00000000000009c8e8f280096b9e3ff",
  ega350: "5f4f50825480bf1f004000000000000083855d280f63bae3ff",
  vga480: "5f4f508254800b3e0040000000000000ea8cdf2800e704e3ff",
  vga320: "5f4f50825480bf1f00410000000000009c8e8f284096b9a3ff",
} as const;

const ATTRIBUTE = {
  colour: "000102030405140738393a3b3c3d3e3f0c000f0800",
  mono: "000808080808080810181818181818180e000f0800",
  cga4: "001315170204060710111213141516170100030000",
  cga2: "001717171717171717171717171717170100010000",
  ega200: "0001020304050607101112131415161701000f0000",
  ega350mono: "000800001818000000080000001800000100010000",
  ega350: "000102030405140738393a3b3c3d3e3f01000f0000",
  two: "003f003f003f003f003f003f003f003f01000f0000",
  packed: "000102030405060708090a0b0c0d0e0f41000f0000",
} as const;

/** Sequencer 1 to 4, graphics 0 to 8. */
const TEXT = { sequencer: "00030002", graphics: "0000000000100e0fff" } as const;
const PLANAR = { sequencer: "010f0006", graphics: "000000000000050fff" } as const;

function mode(
  kind: VideoKind,
  [columns, rows, lines]: readonly [columns: number, rows: number, lines: number],
  pageBytes: number,
  palette: PaletteKind,
  miscellaneous: number,
  registers: { sequencer: string; crtc: string; graphics: string; attribute: string },
): VideoMode {
  return {
    kind,
    columns,
    rows,
    lines,
    pageBytes,
    palette,
    miscellaneous,
    sequencer: bytes(registers.sequencer),
    crtc: bytes(registers.crtc),
    graphics: bytes(registers.graphics),
    attribute: bytes(registers.attribute),
  };
}

const { colour } = ATTRIBUTE;
const text40 = mode("text", [40, 25, 16], 0x800, "ega", 0x67, {
  ...TEXT,
  sequencer: "08030002",
  crtc: CRTC.text40,
  attribute: colour,
});
const text80 = mode("text", [80, 25, 16], 0x1000, "ega", 0x67, {
  ...TEXT,
  crtc: CRTC.text80,
  attribute: colour,
});
const cga320 = mode("cga", [40, 25, 8], 0x4000, "cga", 0x63, {
  sequencer: "09030002",
  crtc: CRTC.cga320,
  graphics: "0000000000300f0fff",
  attribute: ATTRIBUTE.cga4,
});
const planar = (
  size: readonly [columns: number, rows: number, lines: number],
  pageBytes: number,
  palette: PaletteKind,
  miscellaneous: number,
  crtc: string,
  attribute: string,
): VideoMode =>
  mode("planar", size, pageBytes, palette, miscellaneous, {
    ...PLANAR,
    sequencer: size[0] === 40 ? "090f0006" : PLANAR.sequencer,
    crtc,
    attribute,
  });

/** By the number that INT 10h, AH=00h takes. */
export const VIDEO_MODES: ReadonlyMap<number, VideoMode> = new Map([
  [0x00, text40],
  [0x01, text40],
  [0x02, text80],
  [0x03, text80],
  [0x04, cga320],
  [0x05, cga320],
  [
    0x06,
    mode("cga", [80, 25, 8], 0x4000, "cga", 0x63, {
      sequencer: "01010006",
      crtc: CRTC.cga640,
      graphics: "0000000000000d0fff",
      attribute: ATTRIBUTE.cga2,
    }),
  ],
  [
    0x07,
    mode("text", [80, 25, 16], 0x1000, "monochrome", 0x66, {
      ...TEXT,
      graphics: "0000000000100a0fff",
      crtc: CRTC.text80,
      attribute: ATTRIBUTE.mono,
    }),
  ],
  [0x0d, planar([40, 25, 8], 0x2000, "cga", 0x63, CRTC.ega320, ATTRIBUTE.ega200)],
  [0x0e, planar([80, 25, 8], 0x4000, "cga", 0x63, CRTC.ega640, ATTRIBUTE.ega200)],
  [0x0f, planar([80, 25, 14], 0x8000, "monochrome", 0xa3, CRTC.ega350, ATTRIBUTE.ega350mono)],
  [0x10, planar([80, 25, 14], 0x8000, "ega", 0xa3, CRTC.ega350, ATTRIBUTE.ega350)],
  [0x11, planar([80, 30, 16], 0xa000, "ega", 0xe3, CRTC.vga480, ATTRIBUTE.two)],
  [0x12, planar([80, 30, 16], 0xa000, "ega", 0xe3, CRTC.vga480, ATTRIBUTE.ega350)],
  [
    0x13,
    mode("packed", [40, 25, 8], 0x2000, "vga", 0x63, {
      sequencer: "010f000e",
      crtc: CRTC.vga320,
      graphics: "000000000040050fff",
      attribute: ATTRIBUTE.packed,
    }),
  ],
]);

type Colour = readonly [red: number, green: number, blue: number];

/** Two bits of each primary, EGA order rgbRGB. */
function egaColour(i: number): Colour {
  const level = (high: number, low: number): number => (i & high ? 0x2a : 0) + (i & low ? 0x15 : 0);
  return [level(4, 32), level(2, 16), level(1, 8)];
}

/** Sixteen colours, bit 4 of the number the intensity; dark yellow is brown. */
function cgaColour(i: number): Colour {
  if ((i & 0x17) === 6) return [0x2a, 0x15, 0];
  const base = i & 0x10 ? 0x15 : 0;
  const level = (bit: number): number => base + (i & bit ? 0x2a : 0);
  return [level(4), level(2), level(1)];
}

/** Black, grey and white as attributes of a monochrome adapter take them. */
function monochromeColour(i: number): Colour {
  const level = (i & 0x1f) < 8 ? 0 : (i & 0x1f) < 0x18 ? 0x2a : 0x3f;
  return [level, level, level];
}

const GREYS = bytes("0005080b0e1114181c2024282d32383f");
/** Five steps from the weaker primaries to the stronger ones, by brightness and saturation. */
const RAMPS = [
  [0x00, 0x10, 0x1f, 0x2f, 0x3f],
  [0x1f, 0x27, 0x2f, 0x37, 0x3f],
  [0x2d, 0x31, 0x36, 0x3a, 0x3f],
  [0x00, 0x07, 0x0e, 0x15, 0x1c],
  [0x0e, 0x11, 0x15, 0x18, 0x1c],
  [0x14, 0x16, 0x18, 0x1a, 0x1c],
  [0x00, 0x04, 0x08, 0x0c, 0x10],
  [0x08, 0x0a, 0x0c, 0x0e, 0x10],
  [0x0b, 0x0c, 0x0d, 0x0f, 0x10],
] as const;

/** Hue 0 (blue) to 23, around by red and green. */
function hueColour(hue: number, ramp: readonly number[]): Colour {
  const [low, high] = [ramp[0] as number, ramp[4] as number];
  const step = ramp[hue % 4] as number;
  const back = ramp[4 - (hue % 4)] as number;
  switch (hue >> 2) {
    case 0:
      return [step, low, high];
    case 1:
      return [high, low, back];
    case 2:
      return [high, step, low];
    case 3:
      return [back, high, low];
    case 4:
      return [low, high, step];
    default:
      return [low, back, high];
  }
}

/** The 256 colours of mode 13h: sixteen, as many greys, then rings of hues. */
function vgaColour(i: number): Colour {
  if (i < 16) return cgaColour((i & 7) | (i & 8 ? 0x10 : 0));
  if (i < 32) {
    const level = GREYS[i - 16] as number;
    return [level, level, level];
  }
  const ramp = RAMPS[Math.floor((i - 32) / 24)];
  return ramp === undefined ? [0, 0, 0] : hueColour((i - 32) % 24, ramp);
}

const PALETTES: Readonly<Record<PaletteKind, [colours: number, colour: (i: number) => Colour]>> = {
  monochrome: [64, monochromeColour],
  cga: [64, cgaColour],
  ega: [64, egaColour],
  vga: [256, vgaColour],
};

/** The 256 colours of a palette, six bits a primary, in the order red, green, blue. */
export function palette(kind: PaletteKind): Uint8Array {
  const [count, colourOf] = PALETTES[kind];
  const out = new Uint8Array(256 * 3);
  for (let i = 0; i < count; i++) out.set(colourOf(i), i * 3);
  return out;
}
