// Counts the instructions of every repetition from outside: the emulator stops where a program begins to read the counter
// (stubs `measure_begin` and `measure_end`, roottask/asm/measuring.ts) and the host looks how many instructions all CPUs
// have executed. What reading the counter costs itself is known from the measurement of nothing and taken off.

import type { Machine } from "../emulator/host/machine.ts";
import { elfSymbols } from "../emulator/inspect/symbols.ts";
import { LogReader, type Measurement, spreadOf } from "./lines.ts";
import { divisorOf, EMPTY } from "./names.ts";

const BEGIN = "measure_begin";
const END = "measure_end";
/** Virtual time that no machine needs between two lines of its log, ns. */
const LIMIT_NS = 3600e9;

/** Where a program's repetitions begin and end; nothing where it has no stubs. */
interface Marks {
  begin: bigint;
  end: bigint;
}

function marksOf(name: string, data: Uint8Array): Marks | undefined {
  const symbols = elfSymbols({ name, data });
  const [begin, end] = [symbols.address(BEGIN), symbols.address(END)];
  return begin === undefined || end === undefined ? undefined : { begin, end };
}

/** Instructions between the marks of the program that runs, since the last line about a measurement. */
class Counter {
  readonly #machine: Machine;
  #marks: Marks | undefined;
  #begun = 0;
  #samples: number[] = [];
  /** Median of nothing, for the program that runs. */
  #empty = 0;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** Another program runs from now on. */
  watch(marks: Marks | undefined): void {
    for (const [old, isSet] of [
      [this.#marks, 0],
      [marks, 1],
    ] as const) {
      if (old === undefined) continue;
      this.#machine.core.set_breakpoint(old.begin, isSet);
      this.#machine.core.set_breakpoint(old.end, isSet);
    }
    this.#marks = marks;
    this.#samples = [];
    this.#empty = 0;
  }

  /** A CPU has stopped at a mark, and goes on behind it. */
  stopped(cpu: number): void {
    const rip = this.#machine.cpus[cpu]?.wide("rip");
    const count = this.#machine.core.instructions();
    if (rip === this.#marks?.begin) this.#begun = count;
    else if (rip === this.#marks?.end) this.#samples.push(count - this.#begun);
    this.#machine.step(cpu);
  }

  /** Adds what has been counted to the measurement that has been printed. */
  complete(measurement: Measurement): void {
    const samples = this.#samples.slice(-measurement.n);
    this.#samples = [];
    if (samples.length !== measurement.n) return;
    if (measurement.name.endsWith(EMPTY)) {
      measurement.instructions = spreadOf(samples);
      this.#empty = measurement.instructions.median;
      return;
    }
    const divisor = divisorOf(measurement.name);
    measurement.instructions = spreadOf(
      samples.map((count) => Math.max(0, count - this.#empty) / divisor),
    );
  }
}

/**
 * Runs a machine that measures to its power-off. `programs` are the executables by the names that the log has for them,
 * the roottask's included; `onLine` gets each line of the log. Throws an error where the machine ends otherwise.
 */
export function runMeasuring(
  machine: Machine,
  programs: ReadonlyMap<string, Uint8Array>,
  onLine: (line: string) => void = () => {},
): Measurement[] {
  const reader = new LogReader();
  const counter = new Counter(machine);
  const watch = (program: string): void => {
    const file = programs.get(program);
    counter.watch(file && marksOf(program, file));
  };
  watch(reader.program);
  for (let seen = 0; ; ) {
    const stop = machine.runSync({ until: "\n", nanoseconds: LIMIT_NS });
    if (stop.kind === "debug") {
      counter.stopped(stop.cpu);
    } else if (stop.kind === "power-off") {
      return reader.measurements;
    } else if (stop.kind !== "matched") {
      throw new Error(`the machine ended its measurements by ${stop.kind}`);
    }
    const fresh = machine.serialOutput.slice(seen).split("\n").slice(0, -1);
    for (const text of fresh) {
      seen += text.length + 1;
      const line = text.replace(/\r$/, "");
      onLine(line);
      const { program } = reader;
      const measurement = reader.read(line);
      if (measurement) counter.complete(measurement);
      if (reader.program !== program) watch(reader.program);
    }
  }
}
