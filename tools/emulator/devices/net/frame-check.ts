// The frame check sequence of Ethernet (IEEE 802.3, 3.2.9): CRC-32, reflected, with the lowest byte sent first.

const POLYNOMIAL = 0xedb8_8320;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
  return value;
});

export function frameCheck(frame: Uint8Array): number {
  let check = 0xffff_ffff;
  for (const byte of frame) check = (check >>> 8) ^ (TABLE[(check ^ byte) & 0xff] as number);
  return ~check >>> 0;
}
