// All that a floppy controller remembers: plain data, so that a snapshot can be taken in the middle of a command.

import type { Transfer } from "./commands.ts";
import { type DriveState, newDriveState } from "./drive.ts";
import { CONFIG, DOR } from "./registers.ts";

/** What the controller selects, whether it has two of them or not. */
export const DRIVES = 4;

/**
 * "command": bytes of one arrive; "execution": it is being performed; "data": its bytes go through the data register;
 * "result": its answer is being read.
 */
export type Phase = "command" | "execution" | "data" | "result";

export interface FdcState {
  dor: number;
  tdr: number;
  dsr: number;
  phase: Phase;
  /** Bytes of the command. */
  command: number[];
  /** Bytes of the answer that have not been read. */
  results: number[];
  interrupt: boolean;
  /** What SENSE INTERRUPT tells: status register 0 and the drive whose cylinder goes with it. */
  events: { st0: number; drive: number }[];
  /** Drives that seek: cylinders that their heads move by, and the ST0 to come. */
  seeks: ({ by: number; st0: number } | null)[];
  /** Cylinders as the controller counts them. */
  cylinders: number[];
  drives: DriveState[];
  /** SPECIFY: its two bytes. */
  timing: [number, number];
  configuration: number;
  precompensation: number;
  locked: boolean;
  perpendicular: number;
  /** The last sector of the last data command. */
  lastSector: number;
  transfer: Transfer | null;
}

export const newFdcState = (): FdcState => ({
  dor: DOR.running | DOR.dmaGate,
  tdr: 0,
  dsr: 0,
  phase: "command",
  command: [],
  results: [],
  interrupt: false,
  events: [],
  seeks: new Array(DRIVES).fill(null),
  cylinders: new Array(DRIVES).fill(0),
  drives: Array.from({ length: DRIVES }, newDriveState),
  timing: [0, 0],
  configuration: CONFIG.noFifo,
  precompensation: 0,
  locked: false,
  perpendicular: 0,
  lastSector: 0,
  transfer: null,
});

const FIFO_BITS = CONFIG.noFifo | 0x0f;

/** What a reset by a program takes away: commands under way, and the configuration that is not locked. */
export function softReset(s: FdcState): void {
  s.phase = "command";
  s.command = [];
  s.results = [];
  s.interrupt = false;
  s.events = [];
  s.seeks.fill(null);
  s.cylinders.fill(0);
  s.transfer = null;
  s.configuration = s.locked ? s.configuration & FIFO_BITS : CONFIG.noFifo;
  if (!s.locked) s.precompensation = 0;
  s.perpendicular &= ~3;
}
