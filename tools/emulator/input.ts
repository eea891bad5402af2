// Input from outside as events: keys, the pointer, bytes on a serial line, the machine's buttons, media of its drives. A
// machine takes each at a point of its virtual time, between two instructions; with these points a run can be repeated.

import type { MediumName } from "./media/medium.ts";

export type InputEvent =
  /** A key goes down or up; codes as in devices/keys.ts. */
  | { kind: "key"; code: number; extended?: boolean; down: boolean }
  /** The pointer moves by `dx` to the right, `dy` upwards and `dz` steps of the wheel away from the user. */
  | {
      kind: "pointer";
      dx: number;
      dy: number;
      dz: number;
      /** Held from now on: the sum of 1 left, 2 right, 4 middle, 8 and 16 at the sides. */
      buttons: number;
      /** Where it is now, if that is known: from 0 at the left and the upper edge of the picture to 7FFFh at the others. */
      at?: { x: number; y: number };
    }
  /** Bytes that arrive on a serial port; 0 is COM1, 4 the first port of virtio consoles. */
  | { kind: "serial"; port: number; bytes: Uint8Array };

export type DriveAction =
  | { kind: "request"; force: boolean }
  | { kind: "tray"; open: boolean }
  | { kind: "remove" }
  | { kind: "insert"; medium: MediumName };

/** Whatever else reaches a machine from outside. */
export type OutsideEvent =
  | InputEvent
  | { kind: "power-button" }
  | { kind: "reset" }
  /** Out of ACPI S3. */
  | { kind: "wake-up" }
  /** A frame of Ethernet that arrives at a network card, 0 being the first. */
  | { kind: "frame"; card: number; bytes: Uint8Array }
  /** The cable of a network card is put in or pulled out. */
  | { kind: "cable"; card: number; isIn: boolean }
  /** Somebody at a drive, which `Disk.name` names: asks for its tray, forces the lock, moves the tray, or changes what is inside. */
  | { kind: "drive"; drive: string; action: DriveAction }
  /** A non-maskable interrupt of a CPU. */
  | { kind: "nmi"; cpu: number };

/** When an event reached the machine. */
export interface RecordedInput {
  /** Virtual time, ns. */
  time: number;
  /** What the machine had run to for it, `Machine.stoppedFor`, where that is not `time`. */
  due?: number;
  /** Instructions that all CPUs had executed. */
  instructions: number;
  event: OutsideEvent;
}
