// The registers PAM0 to PAM6 of Intel's host bridges: what of C0000–FFFFF is RAM for reads, and for writes (Intel 3 Series
// datasheet, 5.1.15 to 5.1.21; 82441FX datasheet, 3.2.18).

import type { ShadowedArea } from "./device.ts";

export const PAM_REGISTERS = 7;

/** In nibbles from the low one of PAM0 on: where each area begins, and its bytes. Bit 0 has reads reach RAM, bit 1 writes. */
const SHADOWED: readonly [nibble: number, start: number, length: number][] = [
  [1, 0xf0000, 0x10000],
  ...Array.from({ length: 12 }, (_, i): [number, number, number] => [
    2 + i,
    0xc0000 + 0x4000 * i,
    0x4000,
  ]),
];

/** What a BIOS like ours leaves: its segment read-only, and RAM below it. */
export const pamByFirmware = (register: number): number => (register === 0 ? 0x10 : 0x33);

export function shadowedAreas(registers: Uint8Array): ShadowedArea[] {
  return SHADOWED.map(([nibble, start, length]) => {
    const pam = (registers[nibble >> 1] as number) >> (4 * (nibble & 1));
    return { start, length, readsRam: (pam & 1) !== 0, writesRam: (pam & 2) !== 0 };
  });
}
