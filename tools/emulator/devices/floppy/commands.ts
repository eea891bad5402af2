// Commands of the 82077AA by their first byte, and how many bytes each has (datasheet, table 5-1).

export type CommandName =
  | "read track"
  | "specify"
  | "sense drive"
  | "write"
  | "read"
  | "recalibrate"
  | "sense interrupt"
  | "write deleted"
  | "read id"
  | "read deleted"
  | "format"
  | "dumpreg"
  | "seek"
  | "relative seek"
  | "version"
  | "scan equal"
  | "scan low or equal"
  | "scan high or equal"
  | "perpendicular"
  | "configure"
  | "lock"
  | "verify"
  | "part id"
  | "invalid";

interface Command {
  name: CommandName;
  /** With the first one. */
  bytes: number;
}

/** Bits that choose among the variants of a command: multi-track, MFM, skip. */
const MT = 0x80;
const MFM = 0x40;
const SK = 0x20;

const TABLE: readonly (Command & { opcode: number; variants: number })[] = [
  { name: "read track", opcode: 0x02, variants: MFM, bytes: 9 },
  { name: "specify", opcode: 0x03, variants: 0, bytes: 3 },
  { name: "sense drive", opcode: 0x04, variants: 0, bytes: 2 },
  { name: "write", opcode: 0x05, variants: MT | MFM, bytes: 9 },
  { name: "read", opcode: 0x06, variants: MT | MFM | SK, bytes: 9 },
  { name: "recalibrate", opcode: 0x07, variants: 0, bytes: 2 },
  { name: "sense interrupt", opcode: 0x08, variants: 0, bytes: 1 },
  { name: "write deleted", opcode: 0x09, variants: MT | MFM, bytes: 9 },
  { name: "read id", opcode: 0x0a, variants: MFM, bytes: 2 },
  { name: "read deleted", opcode: 0x0c, variants: MT | MFM | SK, bytes: 9 },
  { name: "format", opcode: 0x0d, variants: MFM, bytes: 6 },
  { name: "dumpreg", opcode: 0x0e, variants: 0, bytes: 1 },
  { name: "seek", opcode: 0x0f, variants: 0, bytes: 3 },
  { name: "relative seek", opcode: 0x8f, variants: MFM, bytes: 3 },
  { name: "version", opcode: 0x10, variants: 0, bytes: 1 },
  { name: "scan equal", opcode: 0x11, variants: MT | MFM | SK, bytes: 9 },
  { name: "perpendicular", opcode: 0x12, variants: 0, bytes: 2 },
  { name: "configure", opcode: 0x13, variants: 0, bytes: 4 },
  { name: "lock", opcode: 0x14, variants: MT, bytes: 1 },
  { name: "verify", opcode: 0x16, variants: MT | MFM | SK, bytes: 9 },
  { name: "part id", opcode: 0x18, variants: 0, bytes: 1 },
  { name: "scan low or equal", opcode: 0x19, variants: MT | MFM | SK, bytes: 9 },
  { name: "scan high or equal", opcode: 0x1d, variants: MT | MFM | SK, bytes: 9 },
];

const INVALID: Command = { name: "invalid", bytes: 1 };

/** The command that a first byte begins. */
export const commandOf = (first: number): Command =>
  TABLE.find((c) => (first & ~c.variants) === c.opcode) ?? INVALID;

/** What a data command says, and how far it has come: the address of the sector that is next. */
export interface Transfer {
  name: CommandName;
  drive: number;
  mfm: boolean;
  skip: boolean;
  multiTrack: boolean;
  /** The head that is switched on, which an address should name. */
  side: number;
  cylinder: number;
  head: number;
  sector: number;
  code: number;
  lastSector: number;
  /** Sectors that are left to verify or to format; -1 where the last sector decides. */
  left: number;
  /** SCAN: sectors from one to the next. */
  stride: number;
  /** FORMAT: what sectors are filled with. */
  fill: number;
  /** Data on their way through the data register, and how many of them have passed. */
  data: Uint8Array;
  position: number;
}

/** A data command's parameters. */
export function transferOf(bytes: readonly number[]): Transfer {
  const at = (i: number): number => bytes[i] ?? 0;
  const { name } = commandOf(at(0));
  const common = {
    name,
    drive: at(1) & 3,
    side: (at(1) >> 2) & 1,
    mfm: (at(0) & MFM) !== 0,
    skip: (at(0) & SK) !== 0,
    data: new Uint8Array(0),
    position: 0,
  };
  if (name === "format") {
    return {
      ...common,
      ...{ multiTrack: false, cylinder: 0, head: common.side, sector: 1, code: at(2) },
      ...{ lastSector: at(3), left: at(3), stride: 1, fill: at(5) },
    };
  }
  return {
    ...common,
    multiTrack: name !== "read track" && (at(0) & MT) !== 0,
    cylinder: at(2),
    head: at(3),
    sector: name === "read track" ? 1 : at(4),
    code: at(5),
    lastSector: at(6),
    // VERIFY: a count where the second byte's top bit says so.
    left: name === "verify" && (at(1) & 0x80) !== 0 ? at(8) || 256 : -1,
    stride: name.startsWith("scan") && at(8) === 2 ? 2 : 1,
    fill: 0,
  };
}
