// What data commands do with a sector, whichever way its bytes travel (datasheet, 5.1 and 5.2).

import type { Transfer } from "./commands.ts";
import { type FloppyDrive, SECTOR_BYTES, SECTOR_CODE } from "./drive.ts";
import { type Ending, failed, NORMAL, ST0, ST1, ST2 } from "./registers.ts";

/** Where a command's bytes go: "none" moves none. */
export type Direction = "to host" | "from host" | "none";

export function directionOf({ name }: Transfer): Direction {
  if (name === "verify") return "none";
  return name.startsWith("read") ? "to host" : "from host";
}

/** Bytes that a command moves for each sector. */
export const bytesOf = ({ name }: Transfer): number => (name === "format" ? 4 : SECTOR_BYTES);

/** Why the sector that is next cannot be moved. */
export function obstacle(t: Transfer, drive: FloppyDrive, rate: number): Ending | undefined {
  // Without a medium no index pulse would ever end the search; it ends at once, as in QEMU.
  if (!t.mfm || !drive.formatted(t.side, rate)) return failed(ST1.missingMark);
  if (["write", "write deleted", "format"].includes(t.name) && drive.medium?.readOnly) {
    return failed(ST1.notWritable);
  }
  // Images have no mark of deleted data.
  if (t.name === "write deleted") return { st0: ST0.abnormal | ST0.equipment, st1: 0, st2: 0 };
  if (t.name === "format") return undefined;
  if (t.name === "read track") {
    return t.sector > drive.sectorsPerTrack ? failed(ST1.noData) : undefined;
  }
  if (t.cylinder !== drive.cylinder) return failed(ST1.noData, ST2.wrongCylinder);
  const known = t.sector >= 1 && t.sector <= drive.sectorsPerTrack;
  return known && t.head === t.side && t.code === SECTOR_CODE ? undefined : failed(ST1.noData);
}

/** The sector that is next, or why there are no bytes to move. */
export function produce(t: Transfer, drive: FloppyDrive): Uint8Array | Ending {
  if (t.name === "read deleted" && t.skip) return new Uint8Array(0);
  return drive.read(t.side, t.sector) ?? failed(ST1.dataError, ST2.dataError);
}

/** Takes what the host has for the next sector; how the command ends, if it does so here. */
export function consume(t: Transfer, drive: FloppyDrive, bytes: Uint8Array): Ending | undefined {
  if (t.name === "format") return format(t, drive, bytes);
  if (t.name !== "write") return scan(t, drive, bytes);
  return drive.write(t.side, t.sector, bytes) ? undefined : unwritten();
}

const unwritten = (): Ending => ({ st0: ST0.abnormal | ST0.equipment, st1: 0, st2: 0 });

/** An address that an image has no place for cannot be written. */
function format(t: Transfer, drive: FloppyDrive, address: Uint8Array): Ending | undefined {
  const [cylinder = 0, head = 0, sector = 0, code = 0] = address;
  const places = sector >= 1 && sector <= drive.sectorsPerTrack && code === SECTOR_CODE;
  if (!places || cylinder !== drive.cylinder || head !== t.side) return failed(ST1.noData);
  const filled = new Uint8Array(SECTOR_BYTES).fill(t.fill);
  return drive.write(t.side, sector, filled) ? undefined : unwritten();
}

/** Compares a sector with the host's bytes, of which FFh, on either side, is equal to all. */
function scan(t: Transfer, drive: FloppyDrive, theirs: Uint8Array): Ending | undefined {
  const ours = drive.read(t.side, t.sector);
  if (ours === undefined) return failed(ST1.dataError, ST2.dataError);
  const at = ours.findIndex((b, i) => b !== theirs[i] && b !== 0xff && theirs[i] !== 0xff);
  if (at < 0) return { ...NORMAL, st2: ST2.equal };
  const lower = (ours[at] as number) < (theirs[at] as number);
  const satisfied = t.name === (lower ? "scan low or equal" : "scan high or equal");
  return satisfied ? NORMAL : undefined;
}

/** Ends a command whose last bytes have been moved, without an error. */
export function ending(t: Transfer): Ending {
  if (t.name.startsWith("scan")) return { ...NORMAL, st2: ST2.notSatisfied };
  return t.name === "read deleted" ? { ...NORMAL, st2: ST2.controlMark } : NORMAL;
}

/** Goes to the next sector; how the command ends, if there is none. */
export function advance(t: Transfer): Ending | undefined {
  const stops = t.name === "read deleted" && !t.skip;
  if (t.left > 0) t.left--;
  const counted = t.left === 0;
  const last = t.name !== "format" && t.sector === t.lastSector;
  if (!last) t.sector += t.stride;
  else {
    t.sector = 1;
    const crosses = t.multiTrack && t.side === 0;
    if (t.multiTrack) {
      t.side ^= 1;
      t.head ^= 1;
    }
    if (!crosses) {
      t.cylinder = (t.cylinder + 1) & 0xff;
      if (!counted && !stops) return endOfCylinder(t);
    }
  }
  return counted || stops ? ending(t) : undefined;
}

/** The last sector is over and nobody has said that it was the last. */
function endOfCylinder(t: Transfer): Ending {
  const { st2 } = ending(t);
  const enough = t.name.startsWith("scan") || (t.name === "verify" && t.left < 0);
  return enough ? ending(t) : failed(ST1.endOfCylinder, st2);
}
