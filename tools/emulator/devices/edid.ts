// The monitor's description (VESA E-EDID standard, release A, revision 2; structure version 1.4): a flat display of
// 1280×800 that takes all usual sizes.

/** 1280×800 at 60 Hz, with the blanking of the VESA CVT standard. */
const PREFERRED = {
  /** Units of 10 kHz. */
  clock: 8350,
  width: 1280,
  horizontalBlank: 400,
  horizontalFront: 72,
  horizontalSync: 128,
  height: 800,
  verticalBlank: 31,
  verticalFront: 3,
  verticalSync: 6,
  /** Millimetres. */
  size: [340, 212],
} as const;

/** Sizes with their aspect (0 16:10, 1 4:3, 2 5:4, 3 16:9), all at 60 Hz. */
const STANDARD: readonly [width: number, aspect: number][] = [
  [1024, 1],
  [1280, 0],
  [1280, 2],
  [1400, 1],
  [1440, 0],
  [1600, 1],
  [1680, 0],
  [1920, 3],
];

/** A detailed timing of 18 bytes (3.10.2). */
function timing(t: typeof PREFERRED): number[] {
  const [wide, high] = t.size;
  return [
    t.clock & 0xff,
    t.clock >> 8,
    t.width & 0xff,
    t.horizontalBlank & 0xff,
    ((t.width >> 8) << 4) | (t.horizontalBlank >> 8),
    t.height & 0xff,
    t.verticalBlank & 0xff,
    ((t.height >> 8) << 4) | (t.verticalBlank >> 8),
    t.horizontalFront & 0xff,
    t.horizontalSync & 0xff,
    ((t.verticalFront & 15) << 4) | (t.verticalSync & 15),
    0,
    wide & 0xff,
    high & 0xff,
    ((wide >> 8) << 4) | (high >> 8),
    0,
    0,
    // Separate synchronisation, both positive.
    0x1e,
  ];
}

/** A descriptor that is text of at most 13 characters. */
function text(tag: number, value: string): number[] {
  const characters = [...new TextEncoder().encode(value), 10];
  while (characters.length < 13) characters.push(0x20);
  return [0, 0, 0, tag, 0, ...characters];
}

function build(): Uint8Array {
  const edid = new Uint8Array(128);
  edid.set([0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0]);
  // Maker "TRI": three letters of five bits, A is 1.
  const [t, r, i] = [..."TRI"].map((c) => c.charCodeAt(0) - 64) as [number, number, number];
  edid.set([(t << 2) | (r >> 3), ((r & 7) << 5) | i, 1, 0, 0, 0, 0, 0], 8);
  // Week unknown, 2026; version 1.4; digital, 8 bits a primary; 34×21 cm; gamma 2.2; RGB, preferred timing first.
  edid.set([0, 2026 - 1990, 1, 4, 0xa0, 34, 21, 120, 0x06], 16);
  // sRGB's primaries and white point.
  edid.set([0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54], 25);
  // Established: 640×480, 800×600, 1024×768 at 60 Hz.
  edid.set([0x21, 0x08, 0x00], 35);
  STANDARD.forEach(([width, aspect], n) => {
    edid.set([width / 8 - 31, aspect << 6], 38 + 2 * n);
  });
  edid.set(timing(PREFERRED), 54);
  edid.set(text(0xfc, "Trihedron"), 72);
  // Ranges: 50–125 Hz, 30–160 kHz, 2550 MHz at most; no more about timing.
  edid.set([0, 0, 0, 0xfd, 0, 50, 125, 30, 160, 255, 1, 10, 32, 32, 32, 32, 32, 32], 90);
  // Unused.
  edid.set([0, 0, 0, 0x10, 0], 108);
  edid[127] = -edid.reduce((sum, byte) => sum + byte, 0) & 0xff;
  return edid;
}

/** One block of 128 bytes. */
export const MONITOR: Uint8Array = build();
