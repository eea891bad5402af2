// What a page and a machine say to each other, wherever the machine is: in a worker of the tab, or in a process behind
// a WebSocket. Messages are plain data; bytes travel in one field, so that a message is a header and a payload.

import type { InputEvent } from "../input.ts";

/** What the machine does, in one word. */
export type MachineState = "running" | "paused" | "waiting" | "off";

/** From the machine to a page. */
export type FromMachine =
  /** First of all. */
  | {
      kind: "machine";
      /** What has been booted. */
      title: string;
      cpus: number;
      /** RAM, bytes. */
      memory: number;
      hasScreen: boolean;
      /** The machine can be started again when it is off. */
      restarts: boolean;
    }
  /** Bytes that the guest has sent on COM1; after `fresh` from the beginning. */
  | { kind: "serial"; fresh: boolean; bytes: Uint8Array }
  | {
      kind: "status";
      state: MachineState;
      /** Why it does not run, for people. */
      reason: string;
      /** Instructions of all CPUs since the start. */
      instructions: number;
      /** Virtual time, ns. */
      time: number;
      /** The clock of the machine's process or worker, ms: what speeds are told by. */
      clock: number;
      /** Time passes as fast as the host's clock at most. */
      realTime: boolean;
    }
  | { kind: "answer"; id: number; text: string; bytes?: Uint8Array }
  | { kind: "failure"; id: number; text: string };

/** From a process to a page of its own, before what its machine says: under which key the page asks for its pictures. */
export interface PicturesKey {
  kind: "pictures";
  key: string;
}

/** From such a page: a picture is on its canvas. */
export interface PictureDrawn {
  kind: "drawn";
}

/** From any page, beside what it says to its machine: whether somebody can see it. One that is hidden gets no pictures. */
export interface PageSeen {
  kind: "seen";
  isSeen: boolean;
}

/** Commands without an answer. */
export const COMMANDS = ["pause", "resume", "reset", "power", "step", "fast", "real-time"] as const;
export type CommandName = (typeof COMMANDS)[number];

/**
 * What a page asks: a monitor's command, the call stack of CPU 0 with the kernel's source lines, breakpoints by address
 * or symbol, the state as a file, and back.
 */
export const QUESTIONS = ["monitor", "stack", "break", "unbreak", "save", "load"] as const;
export type QuestionName = (typeof QUESTIONS)[number];

/** From a page to the machine. */
export type ToMachine =
  | { kind: "input"; event: InputEvent }
  | { kind: "command"; name: CommandName }
  | { kind: "ask"; id: number; what: QuestionName; text: string; bytes?: Uint8Array };

/** A message that is none. One line. */
export class MessageError extends Error {
  override name = "MessageError";
}

const MAX_TEXT = 4096;
const MAX_CODE = 0x7f;
const MAX_MOVE = 32767;
export const MAX_SERIAL = 1 << 20;
const COM_COUNT = 4;
/** Serial ports, and ports of a virtio console behind them. */
const LINES = COM_COUNT + 511;

type Fields = Record<string, unknown>;

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function integer(fields: Fields, name: string, min: number, max: number): number {
  const value = fields[name];
  if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max) {
    throw new MessageError(`${name}: expected an integer from ${min} to ${max}`);
  }
  return value;
}

function flag(fields: Fields, name: string): boolean {
  const value = fields[name];
  if (typeof value !== "boolean") throw new MessageError(`${name}: expected true or false`);
  return value;
}

function oneOf<T extends string>(fields: Fields, name: string, known: readonly T[]): T {
  const value = known.find((each) => each === fields[name]);
  if (value === undefined) throw new MessageError(`${name}: expected ${known.join(", ")}`);
  return value;
}

/** Input that came from outside, if it is some. Throws `MessageError`. */
export function checkedEvent(event: unknown, bytes: Uint8Array | undefined): InputEvent {
  if (!isFields(event)) throw new MessageError("event: expected an object");
  const kind = oneOf(event, "kind", ["key", "pointer", "serial"]);
  if (kind === "key") {
    const extended = event.extended === undefined ? false : flag(event, "extended");
    return { kind, code: integer(event, "code", 1, MAX_CODE), extended, down: flag(event, "down") };
  }
  if (kind === "pointer") {
    const move = (name: string): number => integer(event, name, -MAX_MOVE, MAX_MOVE);
    const buttons = integer(event, "buttons", 0, 31);
    return { kind, dx: move("dx"), dy: move("dy"), dz: move("dz"), buttons };
  }
  const given = bytes ?? event.bytes;
  if (!(given instanceof Uint8Array) || given.length > MAX_SERIAL) {
    throw new MessageError(`bytes: expected at most ${MAX_SERIAL} bytes`);
  }
  return { kind, port: integer(event, "port", 0, LINES - 1), bytes: given };
}

/** A message that came from outside, if it is one. Throws `MessageError`. */
export function checkedMessage(value: unknown): ToMachine {
  if (!isFields(value)) throw new MessageError("expected an object");
  const bytes = value.bytes instanceof Uint8Array ? value.bytes : undefined;
  const kind = oneOf(value, "kind", ["input", "command", "ask"]);
  if (kind === "input") return { kind, event: checkedEvent(value.event, bytes) };
  if (kind === "command") return { kind, name: oneOf(value, "name", COMMANDS) };
  const { text } = value;
  if (typeof text !== "string" || text.length > MAX_TEXT) {
    throw new MessageError(`text: expected at most ${MAX_TEXT} characters`);
  }
  const id = integer(value, "id", 0, Number.MAX_SAFE_INTEGER);
  return { kind, id, what: oneOf(value, "what", QUESTIONS), text, bytes };
}
