// The registers of the VGA and of Bochs' extension as plain data, after a reset as a video BIOS leaves them for text
// mode 3 (FreeVGA, "VGA Hardware"; QEMU docs/specs/standard-vga.rst).

/** Video memory, bytes: what the DISPI registers report and BAR 0 decodes. */
export const VRAM_BYTES = 16 << 20;

export const DISPI_ID = 0xb0c5;
export const DISPI_XRES = 1;
export const DISPI_YRES = 2;
export const DISPI_BPP = 3;
export const DISPI_ENABLE = 4;
export const DISPI_BANK = 5;
export const DISPI_VIRT_WIDTH = 6;
export const DISPI_VIRT_HEIGHT = 7;
export const DISPI_X_OFFSET = 8;
export const DISPI_Y_OFFSET = 9;
/** Bits of DISPI_ENABLE. */
export const ENABLED = 1;
export const GET_CAPS = 2;
export const EIGHT_BIT_DAC = 0x20;
export const LINEAR = 0x40;
export const NO_CLEAR = 0x80;

/** The registers of text mode 3, as a VGA BIOS sets them (FreeVGA, "mode 03h"). */
const MODE3 = {
  misc: 0x67,
  sequencer: [0x03, 0x00, 0x03, 0x00, 0x02],
  crtc: [
    0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0x00, 0x00, 0x00, 0x00,
    0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff,
  ],
  graphics: [0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0e, 0x0f, 0xff],
  attribute: [
    0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f,
    0x0c, 0x00, 0x0f, 0x08, 0x00,
  ],
} as const;

/** The 64 colours of the default palette: two bits of each primary, EGA order rgbRGB. */
function defaultPalette(): number[] {
  const dac: number[] = [];
  for (let i = 0; i < 256; i++) {
    const level = (high: number, low: number): number =>
      (i & high ? 0x2a : 0) + (i & low ? 0x15 : 0);
    dac.push(level(4, 32), level(2, 16), level(1, 8));
  }
  return dac;
}

export const freshState = () => ({
  misc: MODE3.misc as number,
  sequencerIndex: 0,
  sequencer: [...MODE3.sequencer, 0, 0, 0] as number[],
  crtcIndex: 0,
  crtc: [...MODE3.crtc, ...new Array(231).fill(0)] as number[],
  graphicsIndex: 0,
  graphics: [...MODE3.graphics, ...new Array(7).fill(0)] as number[],
  attributeIndex: 0x20,
  attributeData: false,
  attribute: [...MODE3.attribute, ...new Array(11).fill(0)] as number[],
  dac: defaultPalette(),
  dacMask: 0xff,
  dacIndex: 0,
  dacPart: 0,
  dacReading: false,
  feature: 0,
  latches: [0, 0, 0, 0],
  dispiIndex: 0,
  dispi: [DISPI_ID, 0, 0, 0, 0, 0, 0, 0, 0, 0, VRAM_BYTES >> 16] as number[],
});

export type VgaState = ReturnType<typeof freshState>;

/** Bytes of a pixel in linear modes. */
export function bytesPerPixel({ dispi }: VgaState): number {
  return ((dispi[DISPI_BPP] as number) + 7) >> 3 || 1;
}

/** Bytes from one line to the next in linear modes. */
export function linearPitch(state: VgaState): number {
  const { dispi } = state;
  const pixels = Math.max(dispi[DISPI_VIRT_WIDTH] as number, dispi[DISPI_XRES] as number);
  return pixels * bytesPerPixel(state);
}

/** True while the CRTC shows characters. */
export function showsText({ dispi, graphics }: VgaState): boolean {
  return !((dispi[DISPI_ENABLE] as number) & ENABLED) && !((graphics[6] as number) & 1);
}
