// Cyclic redundancy checks of 32 bits, reflected, with initial value and final inversion of all ones: CRC-32 as
// GPT has it (UEFI specification 2.10, 5.3; polynomial of IEEE 802.3) and CRC-32C (RFC 3720, B.4: Castagnoli's
// polynomial) over what the boot loader reads. Eight bytes a turn by eight tables ("slicing by 8").

/** The polynomials, reflected. */
const IEEE = 0xedb88320;
const CASTAGNOLI = 0x82f63b78;

/** `tables[256 * n + b]`: what byte b does to the check when n more bytes follow. */
function slicingTables(polynomial: number): Uint32Array {
  const tables = new Uint32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1;
    tables[byte] = value;
  }
  for (let at = 256; at < tables.length; at++) {
    const shorter = tables[at - 256] as number;
    tables[at] = (shorter >>> 8) ^ (tables[shorter & 0xff] as number);
  }
  return tables;
}

function checksum(tables: Uint32Array, bytes: Uint8Array, before: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const whole = bytes.length & ~7;
  let crc = ~before;
  let at = 0;
  for (; at < whole; at += 8) {
    const low = crc ^ view.getInt32(at, true);
    const high = view.getInt32(at + 4, true);
    crc =
      (tables[1792 + (low & 0xff)] as number) ^
      (tables[1536 + ((low >>> 8) & 0xff)] as number) ^
      (tables[1280 + ((low >>> 16) & 0xff)] as number) ^
      (tables[1024 + (low >>> 24)] as number) ^
      (tables[768 + (high & 0xff)] as number) ^
      (tables[512 + ((high >>> 8) & 0xff)] as number) ^
      (tables[256 + ((high >>> 16) & 0xff)] as number) ^
      (tables[high >>> 24] as number);
  }
  for (; at < bytes.length; at++) {
    crc = (crc >>> 8) ^ (tables[(crc ^ (bytes[at] as number)) & 0xff] as number);
  }
  return ~crc >>> 0;
}

const ieee = slicingTables(IEEE);
const castagnoli = slicingTables(CASTAGNOLI);

/** CRC-32; `before` is that of the bytes in front, 0 where there are none. */
export function crc32(bytes: Uint8Array, before = 0): number {
  return checksum(ieee, bytes, before);
}

/** CRC-32C; `before` is that of the bytes in front, 0 where there are none. */
export function crc32c(bytes: Uint8Array, before = 0): number {
  return checksum(castagnoli, bytes, before);
}
