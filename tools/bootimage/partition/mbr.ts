// Master boot record of a disk that has a GPT (UEFI specification 2.10, 5.2.3): boot code for BIOS and the
// protective partition over the whole disk.

export const SECTOR_BYTES = 512;
/** Bytes of code in front of the disk's signature. */
export const MBR_CODE_BYTES = 440;
const TABLE_OFFSET = 446;
const ENTRY_BYTES = 16;
const TYPE_PROTECTIVE = 0xee;
const ACTIVE = 0x80;
/** Cylinder, head and sector that say: use the LBA. */
const BEYOND_CHS = [0xff, 0xff, 0xff] as const;

export interface MbrOptions {
  /** `MBR_CODE_BYTES` bytes. */
  code: Uint8Array;
  /** 32 bits that tell disks apart. */
  signature: number;
  /** Sectors of the whole disk. */
  sectors: number;
}

/**
 * The disk's first sector. UEFI takes a disk to have a GPT when one partition of the MBR is protective, and wants
 * that one not to be active; some BIOSes start no disk without an active partition. So the second entry, of type 0
 * (unused), is the active one: it covers the MBR itself and no software takes it for a partition.
 */
export function writeMbr({ code, signature, sectors }: MbrOptions): Uint8Array {
  const mbr = new Uint8Array(SECTOR_BYTES);
  const view = new DataView(mbr.buffer);
  mbr.set(code.subarray(0, MBR_CODE_BYTES));
  view.setUint32(MBR_CODE_BYTES, signature, true);
  mbr.set([0x00, 0x00, 0x02, 0x00, TYPE_PROTECTIVE, ...BEYOND_CHS], TABLE_OFFSET);
  view.setUint32(TABLE_OFFSET + 8, 1, true);
  view.setUint32(TABLE_OFFSET + 12, Math.min(sectors - 1, 0xffffffff), true);
  const second = TABLE_OFFSET + ENTRY_BYTES;
  // From cylinder 0, head 0, sector 1 to there.
  mbr.set([ACTIVE, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x00], second);
  view.setUint32(second + 8, 0, true);
  view.setUint32(second + 12, 1, true);
  mbr.set([0x55, 0xaa], 510);
  return mbr;
}
