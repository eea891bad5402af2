// Addresses of sectors in the task file: blocks of 28 and of 48 bits, and cylinders, heads and sectors (ATA8-ACS, 4.1;
// ATA/ATAPI-5, 6.2 for geometries).

import type { Geometry } from "../../media/geometry.ts";
import { LBA, type TaskFile } from "./task-file.ts";

export type Tracks = Pick<Geometry, "heads" | "sectors">;

/** The sector that the registers name; undefined for cylinders, heads and sectors that the geometry has not. */
export function addressIn(r: TaskFile, tracks: Tracks, extended: boolean): number | undefined {
  const bytes = [r.lbaLow & 0xff, r.lbaMid & 0xff, r.lbaHigh & 0xff] as const;
  const low = bytes[0] + bytes[1] * 0x100 + bytes[2] * 0x10000;
  if (extended) {
    return low + (r.lbaLow >> 8) * 2 ** 24 + (r.lbaMid >> 8) * 2 ** 32 + (r.lbaHigh >> 8) * 2 ** 40;
  }
  const head = r.device & 0x0f;
  if (r.device & LBA) return low + head * 2 ** 24;
  const { heads, sectors } = tracks;
  const cylinder = bytes[1] + bytes[2] * 0x100;
  if (head >= heads || bytes[0] === 0 || bytes[0] > sectors) return undefined;
  return (cylinder * heads + head) * sectors + bytes[0] - 1;
}

/** Puts a sector's address into the registers, in the way in which they were used. */
export function showAddress(r: TaskFile, tracks: Tracks, sector: number, extended: boolean): void {
  const set = (low: number, middle: number, high: number): void => {
    r.lbaLow = low;
    r.lbaMid = middle;
    r.lbaHigh = high;
  };
  const byte = (n: number): number => Math.floor(sector / 2 ** (8 * n)) & 0xff;
  if (extended) {
    set(byte(0) | (byte(3) << 8), byte(1) | (byte(4) << 8), byte(2) | (byte(5) << 8));
  } else if (r.device & LBA) {
    set(byte(0), byte(1), byte(2));
    r.device = (r.device & 0xf0) | (byte(3) & 0x0f);
  } else {
    const { heads, sectors } = tracks;
    const track = Math.floor(sector / sectors);
    const cylinder = Math.floor(track / heads);
    set((sector % sectors) + 1, cylinder & 0xff, (cylinder >> 8) & 0xff);
    r.device = (r.device & 0xf0) | (track % heads);
  }
}
