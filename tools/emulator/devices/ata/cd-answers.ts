// What a CD or DVD drive answers about itself and its medium, which has one session with one track of data (MMC-5, 6;
// SPC-3, 6). Values are QEMU's; names are ours.

import { CD_MODEL, FIRMWARE } from "./identify.ts";

/** A CD holds 80 minutes of 75 sectors a second; what is longer is on a DVD. */
const CD_SECTORS = 80 * 60 * 75;
const LEAD_OUT = 0xaa;
/** Two seconds before the first sector. */
const PREGAP = 150;
const PROFILE = { cd: 0x0008, dvd: 0x0010 } as const;

const be16 = (value: number): number[] => [(value >> 8) & 0xff, value & 0xff];
const be32 = (value: number): number[] => [...be16(value >>> 16), ...be16(value & 0xffff)];
const text = (value: string, length: number): number[] =>
  Array.from(value.padEnd(length).slice(0, length), (c) => c.charCodeAt(0));

export const minutes = (sector: number): number[] => {
  const frame = sector + PREGAP;
  return [Math.floor(frame / 75 / 60), Math.floor(frame / 75) % 60, frame % 75];
};

export function inquiry(): number[] {
  const [vendor = "", product = ""] = CD_MODEL.split(" ");
  // A removable CD device that answers in the format of its time, and 31 bytes that follow.
  const head = [0x05, 0x80, 0x00, 0x21, 31, 0, 0, 0];
  return [...head, ...text(vendor, 8), ...text(product, 16), ...text(FIRMWARE, 4)];
}

export const capacity = (sectors: number): number[] => [...be32(sectors - 1), ...be32(2048)];

const withLength = (bytes: readonly number[]): number[] => [...be16(bytes.length), ...bytes];

/** Formats 0 to 2 of READ TOC/PMA/ATIP; undefined for others, and for tracks that there are not. */
export function tableOfContents(
  sectors: number,
  format: number,
  first: number,
  inMinutes: boolean,
): number[] | undefined {
  const place = (sector: number): number[] => (inMinutes ? [0, ...minutes(sector)] : be32(sector));
  if (format === 0) {
    if (first > 1 && first !== LEAD_OUT) return undefined;
    const track = first <= 1 ? [0, 0x14, 1, 0, ...place(0)] : [];
    return withLength([1, 1, ...track, 0, 0x16, LEAD_OUT, 0, ...place(sectors)]);
  }
  if (format === 1) return withLength([1, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
  if (format !== 2) return undefined;
  // Points A0 and A1, the first and the last track, A2, the lead-out, and track 1.
  const point = (n: number, where: readonly number[]): number[] => [
    ...[1, 0x14, 0, n, 0, 0, 0],
    ...where,
  ];
  const start = inMinutes ? [0, ...minutes(0)] : [0, 0, 0, 0];
  return withLength([
    ...[1, 1],
    ...point(0xa0, [0, 1, 0, 0]),
    ...point(0xa1, [0, 1, 0, 0]),
    ...point(0xa2, place(sectors)),
    ...point(1, start),
  ]);
}

/** GET CONFIGURATION: profiles, core, and removable medium, from feature `first` on. */
export function configuration(sectors: number | undefined, first: number, kind: number): number[] {
  let current = 0;
  if (sectors !== undefined) current = sectors > CD_SECTORS ? PROFILE.dvd : PROFILE.cd;
  const profile = (n: number): number[] => [...be16(n), n === current ? 1 : 0, 0];
  const features: readonly (readonly [number, readonly number[]])[] = [
    [0, [0, 0, 0x03, 8, ...profile(PROFILE.dvd), ...profile(PROFILE.cd)]],
    // Core: ATAPI; version 2.
    [1, [0, 1, 0x0b, 8, 0, 0, 0, 2, 1, 0, 0, 0]],
    // Removable medium: a tray that can be locked and ejects.
    [3, [0, 3, 0x03, 4, 0x29, 0, 0, 0]],
  ];
  const chosen = features.filter(([n]) => (kind === 2 ? n === first : n >= first));
  const body = [0, 0, ...be16(current), ...chosen.flatMap(([, bytes]) => bytes)];
  return [...be32(body.length), ...body];
}

/** A page of MODE SENSE (10), with its header. */
export function modePage(page: number, locked: boolean): number[] | undefined {
  const pages: Readonly<Record<number, readonly number[]>> = {
    // Read error recovery; five retries.
    1: [0x01, 0x06, 0x00, 0x05, 0, 0, 0, 0],
    // Audio control, without audio.
    14: [0x0e, 0x0e, ...new Array(14).fill(0)],
    // Capabilities: what can be read, tray with lock and eject, 704 KB/s, 512 KB of buffer.
    42: [
      ...[0x2a, 0x14, 0x3b, 0x00, 0x71, 0x60, 0x29 | (locked ? 2 : 0), 0x00],
      ...[...be16(704), ...be16(2), ...be16(512), ...be16(704), 0, 0, 0, 0, 0, 0],
    ],
  };
  const body = pages[page];
  if (body === undefined) return undefined;
  return withLength([0x70, 0, 0, 0, 0, 0, ...body]);
}

/** One tray, which holds the only medium. */
export const mechanismStatus = (): number[] => [0, 0, 0, 0, 0, 1, 0, 0];

/** READ DISC INFORMATION: finished, one session with one track. */
export const discInformation = (): number[] => [
  ...[0, 32, 0x0e, 1, 1, 1, 1, 0x20, 0],
  ...new Array(25).fill(0),
];

/** Events of the medium (MMC-5, table 338). */
export const MEDIUM_EVENT = { none: 0, ejectRequest: 1, new: 2 } as const;

/** GET EVENT STATUS NOTIFICATION of class 4, the medium: what has happened; whether the tray is open, or has a medium. */
export const mediaStatus = (event: number, open: boolean, inserted: boolean): number[] => [
  ...be16(6),
  ...[4, 0x10],
  ...[event, open ? 1 : inserted ? 2 : 0, 0, 0],
];

/** Header of a raw sector: synchronization, address, mode 1. */
export const rawHeader = (sector: number): number[] => [
  ...[0, ...new Array(10).fill(0xff), 0],
  ...minutes(sector),
  1,
];
