// -record and -replay: the input of a run into a file as it comes, and a run with the input of a file.

import { readFileSync, statSync } from "node:fs";
import type { RecordedInput } from "../input.ts";
import { LoadError } from "../load-error.ts";
import {
  endLine,
  inputLines,
  type Recording,
  type RecordingEnd,
  readRecording,
  startLine,
} from "../recording.ts";
import type { Machine } from "./machine.ts";
import type { FdSink } from "./output.ts";

/** A recording is read whole. */
const MAX_BYTES = 256 << 20;

/** Reads the file of -replay. Throws `LoadError`. */
export function readRecordingFile(path: string): Recording {
  const name = `-replay ${path}`;
  let text: string;
  try {
    const stat = statSync(path);
    if (stat.isDirectory()) throw new Error("it is a directory");
    if (stat.size > MAX_BYTES) throw new Error(`${stat.size} bytes: expected at most ${MAX_BYTES}`);
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new LoadError(`${name}: ${(error as Error).message}`);
  }
  return readRecording(text, name);
}

/** Where a machine is. */
const pointOf = (machine: Machine): RecordingEnd => ({
  time: machine.core.time(),
  due: machine.stoppedFor,
  instructions: machine.core.instructions(),
  state: machine.stateHash(),
});

/** Writes what reaches a machine, from before its first instruction on. */
export class Recorder {
  readonly #machine: Machine;
  readonly #sink: FdSink;

  constructor(machine: Machine, sink: FdSink, clockStart: Date | undefined) {
    this.#machine = machine;
    this.#sink = sink;
    sink.text(startLine({ state: machine.stateHash(), clockStart }));
  }

  input(input: RecordedInput): void {
    this.#sink.text(inputLines(input));
  }

  /** The run is over. */
  end(): void {
    this.#sink.text(endLine(pointOf(this.#machine)));
  }
}

/** A run with recorded input. */
export class Replay {
  readonly #machine: Machine;
  readonly #recording: Recording;
  readonly #name: string;
  #came = 0;
  /** The run has gone another way than the recorded one: a line that says where. */
  onDifference: (what: string) => void = () => {};

  /** Throws `LoadError` if the recording is of another machine. */
  constructor(machine: Machine, recording: Recording, path: string) {
    this.#machine = machine;
    this.#recording = recording;
    this.#name = `-replay ${path}`;
    if (machine.stateHash() !== recording.start.state) {
      throw new LoadError(
        `${this.#name}: the recording is of another machine: kernel, modules, media and options must be the same`,
      );
    }
  }

  /** Lets the input come at its points, and no other as long as some is to come. */
  start(): void {
    const { inputs, end } = this.#recording;
    this.#machine.acceptsInput = inputs.length === 0 && end === undefined;
    this.#machine.replay(inputs);
  }

  /** Where the recorded run was stopped, virtual ns; never for one that was cut off. */
  get endTime(): number {
    return this.#recording.end?.due ?? Number.POSITIVE_INFINITY;
  }

  /** An event has reached the machine. */
  input({ instructions, event }: RecordedInput): void {
    const { inputs, end } = this.#recording;
    const recorded = inputs[this.#came];
    if (event !== recorded?.event) return;
    this.#came++;
    if (this.#came === inputs.length && end === undefined) this.#machine.acceptsInput = true;
    if (instructions !== recorded.instructions) {
      this.onDifference(
        `${this.#name}: event ${this.#came} came after ${instructions} instructions instead of ${recorded.instructions}`,
      );
    }
  }

  /** What there is to say of a run that is the recorded one. */
  get equal(): string {
    return `${this.#name}: the recording ends here, and so far the run is the same`;
  }

  /** What the end of the run has to say: undefined for a recording that was cut off, and "" where all is equal. */
  verdict(): string | undefined {
    const { end } = this.#recording;
    if (end === undefined) return undefined;
    // What came at the very end has not been taken by an instruction yet.
    this.#machine.replay([]);
    const { time, instructions, state } = pointOf(this.#machine);
    if (instructions !== end.instructions || time !== end.time) {
      return `${this.#name}: the run ended after ${instructions} instructions at ${time} ns, the recorded one after ${end.instructions} at ${end.time} ns`;
    }
    return state === end.state
      ? ""
      : `${this.#name}: the machine's state at the end is another one`;
  }
}
