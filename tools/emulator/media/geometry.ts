// Cylinders, heads and sectors: the geometry that a BIOS makes up for a disk of a size (T13 project 1226DT
// "Enhanced BIOS Services", translation; SeaBIOS's rules where BIOSes differ), and those of floppies.

export interface Geometry {
  cylinders: number;
  heads: number;
  /** A track. */
  sectors: number;
}

/** Fields of INT 13h: 10 bits of cylinder, 6 of sector. */
const MAX_CYLINDERS = 1024;
const SECTORS = 63;
/** What IDENTIFY DEVICE can say: 16383 cylinders of 16 heads. */
const ATA_HEADS = 16;
const ATA_CYLINDERS = 16383;
/** Up to here cylinders are halved and heads doubled; larger disks are divided by their size. */
const BIT_SHIFT_TRACKS = 131072;

/** What an ATA disk tells of itself: 63 sectors, 16 heads, and no more cylinders than it can say. */
export function physical(diskSectors: number): Geometry {
  const cylinders = Math.floor(diskSectors / (ATA_HEADS * SECTORS));
  return {
    cylinders: Math.min(ATA_CYLINDERS, Math.max(2, cylinders)),
    heads: ATA_HEADS,
    sectors: SECTORS,
  };
}

/** Whether a disk is too large for its physical geometry. */
export const outgrows = (diskSectors: number): boolean =>
  diskSectors > ATA_CYLINDERS * ATA_HEADS * SECTORS;

/** What a BIOS makes of an ATA disk's geometry for its own functions. */
export function translated(diskSectors: number): Geometry {
  const told = physical(diskSectors);
  if (sectorsOf(told) > diskSectors || told.cylinders * told.heads > BIT_SHIFT_TRACKS) {
    return assisted(diskSectors);
  }
  let { cylinders, heads } = told;
  while (cylinders > MAX_CYLINDERS) {
    cylinders >>= 1;
    heads <<= 1;
  }
  return { cylinders, heads, sectors: SECTORS };
}

/** Of a disk that tells its size alone, as USB disks do ("LBA-assisted translation"). */
export function assisted(diskSectors: number): Geometry {
  const tracks = Math.floor(diskSectors / SECTORS);
  const wanted = Math.floor(tracks / MAX_CYLINDERS);
  const heads = [16, 32, 64, 128].find((h) => wanted <= h) ?? 255;
  return {
    cylinders: Math.min(MAX_CYLINDERS, Math.max(1, Math.floor(tracks / heads))),
    heads,
    sectors: SECTORS,
  };
}

export interface FloppyFormat extends Geometry {
  /** Drive type of INT 13h, AH=08h and of CMOS register 10h. */
  drive: number;
}

/** Formats of the PC's floppies, smallest first (IBM PC/AT technical reference; 1.68 MB as distributions had it). */
const FLOPPIES: readonly FloppyFormat[] = [
  { cylinders: 40, heads: 1, sectors: 8, drive: 1 },
  { cylinders: 40, heads: 1, sectors: 9, drive: 1 },
  { cylinders: 40, heads: 2, sectors: 8, drive: 1 },
  { cylinders: 40, heads: 2, sectors: 9, drive: 1 },
  { cylinders: 80, heads: 2, sectors: 9, drive: 3 },
  { cylinders: 80, heads: 2, sectors: 15, drive: 2 },
  { cylinders: 80, heads: 2, sectors: 18, drive: 4 },
  { cylinders: 80, heads: 2, sectors: 21, drive: 4 },
  { cylinders: 80, heads: 2, sectors: 36, drive: 5 },
];

export const sectorsOf = (g: Geometry): number => g.cylinders * g.heads * g.sectors;

/** The smallest format that holds an image of `bytes`; undefined for larger ones. */
export function floppyFormat(bytes: number): FloppyFormat | undefined {
  return FLOPPIES.find((f) => sectorsOf(f) * 512 >= bytes);
}
