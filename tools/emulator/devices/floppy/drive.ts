// A floppy drive: where its heads are, and what passes below them. Media are images of whole sectors of 512 bytes in the
// PC's formats, without gaps, marks of deleted data or errors.

import type { Disk } from "../../media/disk.ts";

export interface DriveState {
  /** Where the heads are. */
  cylinder: number;
  /** The sector whose address was read last. */
  passing: number;
  /** No step since a medium was put in. */
  changed: boolean;
}

export const newDriveState = (): DriveState => ({ cylinder: 0, passing: 0, changed: true });

export const SECTOR_BYTES = 512;
/** The code of 512 bytes in commands. */
export const SECTOR_CODE = 2;
/** Beyond the last cylinder heads reach a stop. */
const SPARE_CYLINDERS = 3;
const EMPTY_CYLINDERS = 80;

/** Data rates as the rate registers have them, by sectors a track (datasheet, table 2-7). */
const RATES: Readonly<Record<number, number>> = { 8: 2, 9: 2, 15: 0, 18: 0, 21: 0, 36: 3 };
const RATE_500K = 0;
const RATE_300K = 1;
/** Of 360 KB in a drive for 1.2 MB, which turns faster. */
const SLOW_TRACKS = { cylinders: 40, sectors: 9 } as const;

export class FloppyDrive {
  readonly #disk: Disk | undefined;
  readonly #state: () => DriveState;

  /** `disk` is undefined for a drive that is not there. */
  constructor(disk: Disk | undefined, state: () => DriveState) {
    this.#disk = disk;
    this.#state = state;
    if (disk !== undefined) {
      disk.onChange = () => {
        this.#state().changed = true;
      };
    }
  }

  get isThere(): boolean {
    return this.#disk !== undefined;
  }

  get medium(): Disk | undefined {
    return this.#disk?.isInserted ? this.#disk : undefined;
  }

  get cylinder(): number {
    return this.#state().cylinder;
  }

  get changed(): boolean {
    return this.#state().changed;
  }

  /** Whether the heads are at the first cylinder; a drive that is not there says nothing. */
  get atTrackZero(): boolean {
    return this.isThere && this.cylinder === 0;
  }

  /** Moves the heads by cylinders, inwards where it is positive. */
  step(by: number): void {
    const s = this.#state();
    const { medium } = this;
    const last = (medium?.geometry.cylinders ?? EMPTY_CYLINDERS) + SPARE_CYLINDERS - 1;
    const to = Math.min(last, Math.max(0, s.cylinder + by));
    if (to !== s.cylinder && medium !== undefined) s.changed = false;
    s.cylinder = to;
  }

  /** Whether there are sectors below a head, at the data rate. */
  formatted(head: number, rate: number): boolean {
    const { medium } = this;
    if (medium === undefined) return false;
    const { cylinders, heads } = medium.geometry;
    return this.cylinder < cylinders && head < heads && rate === rateOf(medium);
  }

  get sectorsPerTrack(): number {
    return this.medium?.geometry.sectors ?? 0;
  }

  /** The next sector that passes the heads. */
  nextSector(): number {
    const s = this.#state();
    s.passing = (s.passing % Math.max(1, this.sectorsPerTrack)) + 1;
    return s.passing;
  }

  /** A sector below a head; undefined if the image cannot be read there. */
  read(head: number, sector: number): Uint8Array | undefined {
    return this.medium?.read(this.#block(head, sector), 1);
  }

  /** False if the image cannot be written there. */
  write(head: number, sector: number, bytes: Uint8Array): boolean {
    return this.medium?.write(this.#block(head, sector), bytes) ?? false;
  }

  #block(head: number, sector: number): number {
    const { heads, sectors } = this.medium?.geometry ?? { heads: 0, sectors: 0 };
    return (this.cylinder * heads + head) * sectors + sector - 1;
  }
}

function rateOf({ geometry }: Disk): number {
  const { cylinders, sectors } = geometry;
  if (cylinders === SLOW_TRACKS.cylinders && sectors === SLOW_TRACKS.sectors) return RATE_300K;
  return RATES[sectors] ?? RATE_500K;
}
