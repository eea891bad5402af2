// A board without CPUs on a clock that the test moves.

import { type Chipset, Q35 } from "../../devices/chipset.ts";
import {
  type AttachedMedia,
  type DeviceKind,
  type DeviceRequest,
  NO_MEDIA,
} from "../../devices/device.ts";
import { DEVICE_KINDS } from "../devices.ts";
import { memoryMap } from "../memory-map.ts";
import { Board } from "../pc.ts";

/** An interrupt message as the CPUs see it. */
export interface ApicMessage {
  destination: number;
  logical: number;
  delivery: number;
  vector: number;
  level: number;
}

export interface BareBoard {
  board: Board;
  /** Moves virtual time forward by `ns`, firing what is due on the way. */
  advance(ns: number): void;
  /** Sets virtual time, in both directions. */
  setTime(ns: number): void;
  /** INTR line of the 8259A pair. */
  intr(): boolean;
  /** Interrupt messages sent by the IOAPIC and by MSI. */
  messages: ApicMessage[];
  /** Their vectors. */
  readonly vectors: number[];
  remarks: string[];
  /** The first MiB, for bus masters. */
  ram: Uint8Array;
}

export const ALL_DEVICES: readonly DeviceRequest[] = [
  { kind: "isa-serial" },
  { kind: "isa-debugcon" },
  { kind: "isa-debug-exit", options: { iobase: 0xf4, iosize: 4 } },
  { kind: "VGA" },
];

export function bareBoard(
  devices: readonly DeviceRequest[] = ALL_DEVICES,
  kinds: readonly DeviceKind[] = DEVICE_KINDS,
  media: AttachedMedia = NO_MEDIA,
  chipset: Chipset = Q35,
): BareBoard {
  let now = 0;
  let intr = false;
  const messages: ApicMessage[] = [];
  const remarks: string[] = [];
  const ram = new Uint8Array(1 << 20);
  const board = new Board(
    {
      chipset,
      map: memoryMap(128 << 20, [], undefined, chipset),
      cpus: 1,
      epoch: Date.UTC(2026, 0, 31, 23, 59, 50) / 1000,
      devices,
      media,
    },
    {
      setIntr: (level) => {
        intr = level;
      },
      apicMessage: (destination, logical, delivery, vector, level) => {
        messages.push({ destination, logical, delivery, vector, level });
        return true;
      },
      setA20: () => {},
      shadow: () => {},
      writeShadowed: () => {},
      videoMemory: (bytes) => ({
        bytes: new Uint8Array(bytes),
        changed: () => {},
        takeWritten: () => [],
        show: () => {},
      }),
    },
    { now: () => now, shorten: () => {} },
    {
      holds: (address, length) => address + length <= ram.length,
      read: (address, length) => ram.slice(address, address + length),
      write: (address, bytes) => {
        if (address < ram.length) ram.set(bytes.subarray(0, ram.length - address), address);
      },
    },
    {
      unimplemented: (what) => remarks.push(what),
      absent: (what) => remarks.push(what),
      guestError: (what) => remarks.push(what),
    },
    kinds,
  );
  board.reset();
  return {
    board,
    advance(ns) {
      const end = now + ns;
      while (board.scheduler.next() <= end) {
        now = Math.max(now, board.scheduler.next());
        board.scheduler.runDue(now);
      }
      now = end;
    },
    setTime(ns) {
      now = ns;
    },
    intr: () => intr,
    messages,
    get vectors() {
      return messages.map((m) => m.vector);
    },
    remarks,
    ram,
  };
}
