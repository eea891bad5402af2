// SMART of a disk that ages not (ATA8-ACS, 7.53; SFF-8035i for the attributes): attributes at their best, empty logs,
// and a self-test that always passes.

const SECTOR = 512;
export const SMART_KEY = { lbaMid: 0x4f, lbaHigh: 0xc2 } as const;

/** Features register. */
export const SMART = {
  readData: 0xd0,
  readThresholds: 0xd1,
  autosave: 0xd2,
  executeOffLine: 0xd4,
  readLog: 0xd5,
  enable: 0xd8,
  disable: 0xd9,
  returnStatus: 0xda,
} as const;

interface Attribute {
  id: number;
  flags: number;
  value: number;
  raw: number;
  threshold: number;
}

const ATTRIBUTES: readonly Attribute[] = [
  // Raw read error rate, spin-up time, start/stop count, reallocated sectors.
  { id: 1, flags: 3, value: 100, raw: 0, threshold: 6 },
  { id: 3, flags: 3, value: 100, raw: 16, threshold: 0 },
  { id: 4, flags: 2, value: 100, raw: 100, threshold: 20 },
  { id: 5, flags: 3, value: 100, raw: 0, threshold: 36 },
  // Power-on hours, power cycle count, airflow temperature.
  { id: 9, flags: 3, value: 100, raw: 1, threshold: 0 },
  { id: 12, flags: 3, value: 100, raw: 0, threshold: 0 },
  { id: 190, flags: 3, value: 69, raw: 0x1f1f_001f, threshold: 50 },
];
const ATTRIBUTE_BYTES = 12;

/** The last byte makes the sum of all 0. */
function withChecksum(bytes: Uint8Array): Uint8Array {
  let sum = 0;
  for (const b of bytes) sum += b;
  bytes[SECTOR - 1] = -sum & 0xff;
  return bytes;
}

/** SMART READ DATA. */
export function smartData(): Uint8Array {
  const bytes = new Uint8Array(SECTOR);
  const view = new DataView(bytes.buffer);
  bytes[0] = 1;
  ATTRIBUTES.forEach(({ id, flags, value, raw }, i) => {
    const at = 2 + i * ATTRIBUTE_BYTES;
    bytes[at] = id;
    view.setUint16(at + 1, flags, true);
    bytes[at + 3] = value;
    bytes[at + 4] = value;
    view.setUint32(at + 5, raw, true);
  });
  // Off-line collection was never started; seconds that it takes; it is done at once, with short and extended self-tests.
  bytes[362] = 0;
  view.setUint16(364, 288, true);
  bytes[367] = 0x01 | 0x08 | 0x10;
  // Attributes are saved by themselves; logs; minutes of the self-tests.
  view.setUint16(368, 3, true);
  bytes[370] = 1;
  bytes[372] = 2;
  bytes[373] = 54;
  return withChecksum(bytes);
}

/** SMART READ ATTRIBUTE THRESHOLDS. */
export function smartThresholds(): Uint8Array {
  const bytes = new Uint8Array(SECTOR);
  bytes[0] = 1;
  ATTRIBUTES.forEach(({ id, threshold }, i) => {
    const at = 2 + i * ATTRIBUTE_BYTES;
    bytes[at] = id;
    bytes[at + 1] = threshold;
  });
  return withChecksum(bytes);
}

/** SMART READ LOG: the directory, the summary error log, the self-test log; undefined for others. */
export function smartLog(address: number): Uint8Array | undefined {
  const bytes = new Uint8Array(SECTOR);
  if (address === 0) {
    bytes[0] = 1;
    bytes[2] = 1;
    bytes[12] = 1;
    return bytes;
  }
  if (address !== 1 && address !== 6) return undefined;
  bytes[0] = 1;
  return withChecksum(bytes);
}
