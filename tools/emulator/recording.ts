// A run's input as a file: lines of JSON, the first of which says what machine it is of, each other one an event with
// its point of virtual time, and the last how the run ended. It is written as it happens: what a crash leaves is a
// recording whose end is missing, and at most an unfinished line.

import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";
import { MAX_CARDS } from "./devices/net/network-card.ts";
import type { DriveAction, OutsideEvent, RecordedInput } from "./input.ts";
import { LoadError } from "./load-error.ts";
import { IMAGE_FORMATS } from "./media/formats.ts";
import type { MediumName } from "./media/medium.ts";
import { checkedEvent, MAX_SERIAL, MessageError } from "./remote/messages.ts";

/** Increased whenever a line changes its meaning. */
const FORMAT = 1;
const KIND = "trihedron recording";
const MAX_CPU = 255;

/** What a recording is of. */
export interface RecordingStart {
  /** `Machine.stateHash` before the first instruction. */
  state: string;
  /** The calendar at that point, where the command line said it. */
  clockStart?: Date;
}

/** The machine at the end of a recorded run. */
export interface RecordingEnd {
  time: number;
  due: number;
  instructions: number;
  state: string;
}

export interface Recording {
  start: RecordingStart;
  inputs: RecordedInput[];
  /** Undefined where the run was cut off. */
  end?: RecordingEnd;
}

const line = (fields: object): string => `${JSON.stringify(fields)}\n`;

export const startLine = ({ state, clockStart }: RecordingStart): string =>
  line({ kind: KIND, format: FORMAT, state, clockStart });

export const endLine = (end: RecordingEnd): string => line({ end });

/** The line of an event; several of one with more bytes than a line may have. */
export function inputLines({ time, due, instructions, event }: RecordedInput): string {
  if (event.kind === "frame") {
    return line({ time, due, instructions, event: { ...event, bytes: bytesToHex(event.bytes) } });
  }
  if (event.kind !== "serial") return line({ time, due, instructions, event });
  let lines = "";
  for (let at = 0; at < event.bytes.length; at += MAX_SERIAL) {
    const bytes = bytesToHex(event.bytes.subarray(at, at + MAX_SERIAL));
    lines += line({ time, due, instructions, event: { ...event, bytes } });
  }
  return lines;
}

type Fields = Record<string, unknown>;

const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null;

function count(fields: Fields, name: string, least: number): number {
  const value = fields[name];
  if (typeof value !== "number" || !Number.isFinite(value) || value < least) {
    throw new MessageError(`${name}: expected a number of at least ${least}`);
  }
  return value;
}

function stateOf({ state }: Fields): string {
  if (typeof state === "string" && /^[0-9a-f]{64}$/.test(state)) return state;
  throw new MessageError("state: expected 64 hexadecimal digits");
}

function bytesOf({ bytes }: Fields): Uint8Array {
  if (typeof bytes !== "string" || !/^([0-9a-f]{2})*$/.test(bytes)) {
    throw new MessageError("bytes: expected hexadecimal digits");
  }
  return hexToBytes(bytes);
}

function cardOf(event: Fields): number {
  const card = count(event, "card", 0);
  if (Number.isInteger(card) && card < MAX_CARDS) return card;
  throw new MessageError("card: expected the number of a network card");
}

function textOf(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value === "string") return value;
  throw new MessageError(`${name}: expected a string`);
}

function isOn(fields: Fields, name: string): boolean {
  const value = fields[name];
  if (typeof value === "boolean") return value;
  throw new MessageError(`${name}: expected true or false`);
}

function mediumNameOf(medium: unknown): MediumName {
  if (!isFields(medium)) throw new MessageError("medium: expected an object");
  const path = textOf(medium, "path");
  const readOnly = isOn(medium, "readOnly");
  if (medium.format === undefined) return { path, readOnly };
  const format = IMAGE_FORMATS.find((name) => name === medium.format);
  if (format === undefined) throw new MessageError("format: expected one of images");
  return { path, readOnly, format };
}

function actionOf(action: unknown): DriveAction {
  if (!isFields(action)) throw new MessageError("action: expected an object");
  switch (action.kind) {
    case "request":
      return { kind: "request", force: isOn(action, "force") };
    case "tray":
      return { kind: "tray", open: isOn(action, "open") };
    case "remove":
      return { kind: "remove" };
    case "insert":
      return { kind: "insert", medium: mediumNameOf(action.medium) };
  }
  throw new MessageError("action: expected what is done to a drive");
}

function eventOf(event: unknown): OutsideEvent {
  if (!isFields(event)) throw new MessageError("event: expected an object");
  switch (event.kind) {
    case "power-button":
    case "reset":
    case "wake-up":
      return { kind: event.kind };
    case "nmi": {
      const cpu = count(event, "cpu", 0);
      if (Number.isInteger(cpu) && cpu <= MAX_CPU) return { kind: "nmi", cpu };
      throw new MessageError("cpu: expected the number of a CPU");
    }
    case "cable":
      return { kind: "cable", card: cardOf(event), isIn: isOn(event, "isIn") };
    case "drive":
      return { kind: "drive", drive: textOf(event, "drive"), action: actionOf(event.action) };
    case "serial":
      return checkedEvent(event, bytesOf(event));
    case "frame":
      return { kind: "frame", card: cardOf(event), bytes: bytesOf(event) };
    default:
      return checkedEvent(event, undefined);
  }
}

function startOf(fields: Fields): RecordingStart {
  if (fields.kind !== KIND) throw new MessageError("it is no recording of -record");
  if (fields.format !== FORMAT) {
    throw new MessageError(`format ${fields.format}: expected ${FORMAT}, another version wrote it`);
  }
  const { clockStart } = fields;
  if (clockStart === undefined) return { state: stateOf(fields) };
  const date = typeof clockStart === "string" ? new Date(clockStart) : new Date(Number.NaN);
  if (Number.isNaN(date.getTime())) throw new MessageError("clockStart: expected a date");
  return { state: stateOf(fields), clockStart: date };
}

/** Reads a recording; a last line that is not finished is left out. Throws `LoadError`; `name` is whose text it is. */
export function readRecording(text: string, name: string): Recording {
  const lines = text.split("\n").slice(0, -1);
  if (lines.length === 0) throw new LoadError(`${name}: it is no recording of -record`);
  let recording: Recording | undefined;
  let [time, due, instructions] = [0, 0, 0];
  for (const [i, text] of lines.entries()) {
    try {
      const fields: unknown = JSON.parse(text);
      if (!isFields(fields)) throw new MessageError("expected an object");
      if (recording === undefined) {
        recording = { start: startOf(fields), inputs: [] };
        continue;
      }
      if (recording.end !== undefined) throw new MessageError("the recording has ended before");
      const point = isFields(fields.end) ? fields.end : fields;
      time = count(point, "time", time);
      due = count({ due: time, ...point }, "due", due);
      instructions = count(point, "instructions", instructions);
      if (point === fields) {
        recording.inputs.push({ time, due, instructions, event: eventOf(fields.event) });
      } else {
        recording.end = { time, due, instructions, state: stateOf(point) };
      }
    } catch (error) {
      if (!(error instanceof MessageError || error instanceof SyntaxError)) throw error;
      const what = error instanceof SyntaxError ? "it is no JSON" : error.message;
      throw new LoadError(`${name}: line ${i + 1}: ${what}`);
    }
  }
  return recording as Recording;
}
