// VBE modes of the board's VGA: numbers of VESA's and, for 32 bits a pixel and sizes that VESA has none for, those
// that Bochs' and QEMU's video BIOSes use for the same adapter. Planar modes of four bits are left out.

export interface VbeMode {
  number: number;
  width: number;
  height: number;
  /** Bits a pixel; 15 takes two bytes. */
  depth: 8 | 15 | 16 | 24 | 32;
}

/** Sizes, with the mode numbers for depths 8, 15, 16, 24 and 32; 0 where there is none. */
const SIZES: readonly [width: number, height: number, ...numbers: number[]][] = [
  [320, 200, 0x146, 0x10d, 0x10e, 0x10f, 0x140],
  [640, 400, 0x100, 0, 0, 0, 0x141],
  [640, 480, 0x101, 0x110, 0x111, 0x112, 0x142],
  [800, 600, 0x103, 0x113, 0x114, 0x115, 0x143],
  [1024, 768, 0x105, 0x116, 0x117, 0x118, 0x144],
  [1152, 864, 0x148, 0x149, 0x14a, 0x14b, 0x14c],
  [1280, 720, 0, 0, 0x18d, 0x18e, 0x18f],
  [1280, 768, 0, 0, 0x175, 0x176, 0x177],
  [1280, 800, 0, 0, 0x178, 0x179, 0x17a],
  [1280, 960, 0, 0, 0x17b, 0x17c, 0x17d],
  [1280, 1024, 0x107, 0x119, 0x11a, 0x11b, 0x145],
  [1400, 1050, 0, 0, 0x181, 0x182, 0x183],
  [1440, 900, 0, 0, 0x17e, 0x17f, 0x180],
  [1600, 900, 0, 0, 0x193, 0x194, 0x195],
  [1600, 1200, 0x11c, 0x11d, 0x11e, 0x11f, 0x147],
  [1680, 1050, 0, 0, 0x184, 0x185, 0x186],
  [1920, 1080, 0, 0, 0x190, 0x191, 0x192],
  [1920, 1200, 0, 0, 0x187, 0x188, 0x189],
  [2560, 1440, 0, 0, 0x196, 0x197, 0x198],
  [2560, 1600, 0, 0, 0x18a, 0x18b, 0x18c],
  [3840, 2160, 0, 0, 0x199, 0, 0],
];
const DEPTHS = [8, 15, 16, 24, 32] as const;

/** In the order of their numbers. */
export const VBE_MODES: readonly VbeMode[] = SIZES.flatMap(([width, height, ...numbers]) =>
  DEPTHS.flatMap((depth, i) => {
    const number = numbers[i] ?? 0;
    return number === 0 ? [] : [{ number, width, height, depth }];
  }),
).sort((a, b) => a.number - b.number);

export const bytesPerPixel = (depth: number): number => (depth + 7) >> 3;

/** Width and place of a primary's bits; [red, green, blue, reserved]. */
export const MASKS: Readonly<Record<VbeMode["depth"], readonly number[]>> = {
  8: [0, 0, 0, 0, 0, 0, 0, 0],
  15: [5, 10, 5, 5, 5, 0, 1, 15],
  16: [5, 11, 6, 5, 5, 0, 0, 0],
  24: [8, 16, 8, 8, 8, 0, 0, 0],
  32: [8, 16, 8, 8, 8, 0, 8, 24],
};
