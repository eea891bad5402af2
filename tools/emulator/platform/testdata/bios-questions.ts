// Calls to the BIOS whose answers are compared with SeaBIOS's: a call, and what differs with a reason.

import { expect } from "vitest";
import { Machine, type MachineOptions } from "../../host/machine.ts";
import { type BiosAnswer, type BiosCall, biosAnswers } from "./bios-calls.ts";
import { bootOnQemu } from "./qemu.ts";

export interface Question extends BiosCall {
  /** What is ours and not SeaBIOS's. */
  ours?: Partial<BiosAnswer>;
  /** Why it differs. */
  because?: string;
  /** What of the answer is not compared: it names hardware or time. */
  ignored?: readonly (keyof BiosAnswer)[];
}

/** Where packets are; calls have DS there. */
export const PACKET = 0x30000;
/** Where sectors go; calls have ES there. */
export const BUFFER = 0x20000;

/** A call with ES and DS at the buffer and the packet. */
export function call(
  what: string,
  vector: number,
  eax: number,
  more: Partial<Question> = {},
): Question {
  return { what, vector, eax, es: BUFFER >> 4, ds: PACKET >> 4, ...more };
}

export interface Packet {
  count: number;
  block: bigint | number;
  size?: number;
  /** 64-bit address instead of segment and offset. */
  flat?: bigint;
}

/** A disk address packet (EDD 3.0) for the buffer at BUFFER. */
export function packet({ count, block, size = 16, flat }: Packet): NonNullable<BiosCall["fill"]> {
  const bytes = new Uint8Array(flat === undefined ? 16 : 24);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, flat === undefined ? size : 24);
  view.setUint16(2, count, true);
  view.setUint32(4, flat === undefined ? (BUFFER >> 4) << 16 : 0xffffffff, true);
  view.setBigUint64(8, BigInt(block), true);
  if (flat !== undefined) view.setBigUint64(16, flat, true);
  return { at: PACKET, bytes: [...bytes] };
}

/** Asks both BIOSes and compares all answers. */
export async function expectSeaBiosAnswers(
  questions: readonly Question[],
  image: Uint8Array,
  drive: (file: string) => readonly string[],
  machineOptions: MachineOptions,
): Promise<void> {
  const machine = await Machine.create({ memory: "128M", ...machineOptions });
  expect(machine.runSync({ nanoseconds: 20e9 })).toEqual({ kind: "power-off" });
  const ours = biosAnswers(questions, machine.serialOutput);
  const theirs = biosAnswers(questions, bootOnQemu(image, drive));
  const labelled = (answers: readonly BiosAnswer[], differences: boolean) =>
    questions.map(({ what, ours: different, ignored = [] }, i) => {
      const answer = { what, ...answers[i], ...(differences ? different : {}) };
      return Object.fromEntries(
        Object.entries(answer).filter(([key]) => !ignored.includes(key as keyof BiosAnswer)),
      );
    });
  expect(labelled(ours, false)).toEqual(labelled(theirs, true));
}
