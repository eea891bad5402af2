// Scripts of accesses to disk controllers, and what they read here and on QEMU's q35, word by word.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Machine } from "../../../host/machine.ts";
import {
  type Access,
  busGuest,
  encodeScript,
  shown,
} from "../../../platform/testdata/bus-guest.ts";
import { BY_INSTRUCTIONS, runOnQemu } from "../../../platform/testdata/qemu.ts";

export const DISK_SECTORS = 20160;
const CD_SECTORS = 700;

/** Where a script has its command list, received FISes, command tables and data. */
export const LIST = 0x20_0000;
export const FISES = 0x20_1000;
export const TABLES = 0x21_0000;
export const DATA = 0x30_0000;
export const tableOf = (slot: number): number => TABLES + slot * 0x1000;

/** Base of the adapter's registers, which the script sets. */
export const ABAR = 0xe000_0000;
export const port = (n: number, register: number): number => ABAR + 0x100 + n * 0x80 + register;

/** Each dword of the medium says where it is. */
function patterned(bytes: number, salt: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(bytes));
  for (let at = 0; at < bytes; at += 4) view.setUint32(at, at + salt, true);
  return new Uint8Array(view.buffer);
}

export const diskImage = (): Uint8Array => patterned(DISK_SECTORS * 512, 0x10000000);
export const cdImage = (): Uint8Array => patterned(CD_SECTORS * 2048, 0x20000000);

export const pciWrite = (
  device: number,
  fn: number,
  register: number,
  value: number,
  size: 1 | 2 | 4 = 4,
): Access[] => [
  ["out", 0xcf8, (0x80000000 | (device << 11) | (fn << 8) | (register & ~3)) >>> 0, 4],
  ["out", 0xcfc + (register & 3), value, size],
];

export const pciRead = (device: number, fn: number, register: number, mask?: number): Access[] => [
  ["out", 0xcf8, (0x80000000 | (device << 11) | (fn << 8) | register) >>> 0, 4],
  ["in", 0xcfc, 4, mask],
];

/** Bytes of memory become these. */
export function storeBytes(address: number, bytes: readonly number[]): Access[] {
  const padded = Uint8Array.from([...bytes, 0, 0, 0].slice(0, (bytes.length + 3) & ~3));
  const view = new DataView(padded.buffer);
  return Array.from(
    { length: padded.length / 4 },
    (_, i): Access => ["store", address + i * 4, view.getUint32(i * 4, true), 4],
  );
}

export const load = (address: number, mask?: number): Access => ["load", address, 4, mask];
export const store = (address: number, value: number): Access => ["store", address, value, 4];
/** Memory, dword by dword; `masks` by their number where not all bits are compared. */
export const dump = (
  address: number,
  bytes: number,
  masks: Readonly<Record<number, number>> = {},
): Access[] => Array.from({ length: bytes / 4 }, (_, i) => load(address + i * 4, masks[i]));

/** The adapter's registers at `ABAR`, after its reset. */
export const bringUp = (): Access[] => [
  ...pciWrite(0x1f, 2, 4, 7, 2),
  ...pciWrite(0x1f, 2, 0x24, ABAR),
  store(ABAR + 4, 0x8000_0001),
  ["until-clear", ABAR + 4, 1],
  store(ABAR + 4, 0x8000_0000),
];

/** Port `n` receives FISes and takes commands; its device has sent its signature. */
export const start = (n = 0): Access[] => [
  store(port(n, 0x00), LIST),
  store(port(n, 0x04), 0),
  store(port(n, 0x08), FISES),
  store(port(n, 0x0c), 0),
  store(port(n, 0x18), 0x16),
  ["until-clear", port(n, 0x20), 0x88],
  store(port(n, 0x30), 0xffff_ffff),
  store(port(n, 0x10), 0xffff_ffff),
  store(port(n, 0x18), 0x17),
];

/** Stops and starts a port after an error, as a driver does. */
export const recover = (n = 0): Access[] => [
  store(port(n, 0x18), 0x16),
  ["until-clear", port(n, 0x18), 0x8000],
  store(port(n, 0x30), 0xffff_ffff),
  store(port(n, 0x10), 0xffff_ffff),
  store(port(n, 0x18), 0x17),
];

export interface CommandFields {
  slot?: number;
  features?: number;
  lba?: number;
  count?: number;
  device?: number;
  /** Bytes of each region of memory from `DATA` on, one behind the other. */
  regions?: readonly number[];
  write?: boolean;
  packet?: readonly number[];
  /** The header's other flags. */
  flags?: number;
}

const byte = (value: number, n: number): number => Math.floor(value / 2 ** (8 * n)) & 0xff;

/** Header and table of a command. */
export function prepare(opcode: number, f: CommandFields = {}): Access[] {
  const { slot = 0, features = 0, lba = 0, count = 0, device = 0x40, regions = [] } = f;
  const table = tableOf(slot);
  const flags =
    5 | (f.write ? 0x40 : 0) | (f.packet ? 0x20 : 0) | (regions.length << 16) | (f.flags ?? 0);
  const b = (n: number): number => byte(lba, n);
  let at = DATA;
  return [
    store(LIST + slot * 32, flags),
    store(LIST + slot * 32 + 4, 0),
    store(LIST + slot * 32 + 8, table),
    store(LIST + slot * 32 + 12, 0),
    ...storeBytes(table, [
      ...[0x27, 0x80, opcode, byte(features, 0), b(0), b(1), b(2), device],
      ...[b(3), b(4), b(5), byte(features, 1), byte(count, 0), byte(count, 1), 0, 0, 0, 0, 0, 0],
    ]),
    ...(f.packet ? storeBytes(table + 0x40, [...f.packet, 0, 0, 0, 0].slice(0, 16)) : []),
    ...regions.flatMap((bytes, i) => {
      const entry = table + 0x80 + i * 16;
      const here = at;
      at += bytes;
      return [store(entry, here), store(entry + 4, 0), store(entry + 12, bytes - 1)];
    }),
  ];
}

/** A command that is prepared, issued and waited for: until it is off the list, or an error is told. */
export function issue(
  opcode: number,
  f: CommandFields & { port?: number; fails?: boolean } = {},
): Access[] {
  const n = f.port ?? 0;
  const bit = (1 << (f.slot ?? 0)) >>> 0;
  return [
    ...prepare(opcode, f),
    store(port(n, 0x38), bit),
    f.fails ? ["until-set", port(n, 0x10), 0x7800_0000] : ["until-clear", port(n, 0x38), bit],
    ["until-clear", port(n, 0x20), 0x80],
  ];
}

/** What QEMU and this emulator are given. */
export interface Attached {
  disk?: number;
  cd?: number;
  /** On pc, whose controller is the PIIX3's IDE function, in place of q35 with its SATA controller. */
  ide?: true;
}

export interface Answers {
  ours: string[];
  theirs: string[];
}

/** What the script reads, here and there, in bits that are compared. */
export async function answers(
  script: readonly Access[],
  at: Attached = { disk: 0 },
): Promise<Answers> {
  const guest = busGuest();
  const encoded = encodeScript(script);
  const disks = [
    ...(at.disk === undefined
      ? []
      : [{ kind: "disk", image: diskImage(), index: at.disk } as const]),
    ...(at.cd === undefined ? [] : [{ kind: "cdrom", image: cdImage(), index: at.cd } as const]),
  ];
  let output = "";
  const machine = await Machine.create({
    machine: at.ide ? "pc" : "q35",
    kernel: guest,
    modules: [{ file: encoded }],
    disks,
    debugExit: { iobase: 0xf4, iosize: 4 },
    onDebugConsole: (b) => {
      output += String.fromCharCode(b);
    },
  });
  machine.runSync({ nanoseconds: 5e9 });
  const directory = mkdtempSync(join(tmpdir(), "emu-ata-"));
  const drives = disks.flatMap(({ kind, image, index }) => {
    const file = join(directory, kind);
    writeFileSync(file, image);
    const medium = kind === "cdrom" ? "media=cdrom,readonly=on" : "media=disk";
    return ["-drive", `file=${file},format=raw,if=ide,index=${index},${medium}`];
  });
  try {
    const board = at.ide ? ["-machine", "pc"] : [];
    const extra = [...BY_INSTRUCTIONS, "-nic", "none", ...drives, ...board];
    const oracle = runOnQemu(guest, [encoded], extra).debugcon;
    return { ours: shown(script, output), theirs: shown(script, oracle) };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
