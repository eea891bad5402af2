// What programs print about their measurements: "BENCH NAME n=1000 min=86 median=86 p99=88", one a line, between the
// roottask's lines about the programs it starts and ends.

import { ROOTTASK } from "./names.ts";

/** The least of the samples, their median and the 99th percentile. */
export interface Spread {
  min: number;
  median: number;
  p99: number;
}

export interface Measurement {
  /** Path in the archive of the program that measured, or "roottask". */
  program: string;
  name: string;
  /** Repetitions. */
  n: number;
  /** Of the time-stamp counter. */
  ticks: Spread;
  /** Instructions, where the host has counted them. */
  instructions?: Spread;
}

const LINE =
  /^(?:\[roottask\] )?BENCH ([a-z][a-z0-9_.]*) n=(\d+) min=(\d+) median=(\d+) p99=(\d+)$/;
const START = /^\[roottask\] start \d+: (?:linux|native) (\S+)/;

/** Reads a log line by line, and knows which program a line is of. */
export class LogReader {
  readonly measurements: Measurement[] = [];
  /** The program that runs, or the roottask before the first one. */
  program: string;

  constructor(program = ROOTTASK) {
    this.program = program;
  }

  /** Takes the next line, without its end; the measurement in it, if there is one. Throws an error for a bad one. */
  read(line: string): Measurement | undefined {
    const start = START.exec(line);
    if (start) this.program = start[1] as string;
    if (!/^(?:\[roottask\] )?BENCH /.test(line)) return undefined;
    const [, name, ...values] = LINE.exec(line) ?? [];
    if (name === undefined) throw new Error(`not a measurement: ${line.slice(0, 100)}`);
    const [n = 0, min = 0, median = 0, p99 = 0] = values.map(Number);
    if (n === 0 || !Number.isSafeInteger(p99) || min > median || median > p99) {
      throw new Error(`a measurement whose numbers cannot be: ${line}`);
    }
    const { program } = this;
    if (this.measurements.some((other) => other.name === name && other.program === program)) {
      throw new Error(`${program} measures ${name} twice`);
    }
    const measurement = { program, name, n, ticks: { min, median, p99 } };
    this.measurements.push(measurement);
    return measurement;
  }
}

/** All measurements in a log. Throws an error that says which line is not one. */
export function readLog(log: string, program = ROOTTASK): Measurement[] {
  const reader = new LogReader(program);
  for (const line of log.split(/\r?\n/)) reader.read(line);
  return reader.measurements;
}

/** Least, median and 99th percentile of samples, by nearest rank, as the programs do it. */
export function spreadOf(samples: readonly number[]): Spread {
  const sorted = [...samples].sort((a, b) => a - b);
  const rank = (percent: number) => sorted[Math.ceil((sorted.length * percent) / 100) - 1] ?? 0;
  return { min: sorted[0] ?? 0, median: rank(50), p99: rank(99) };
}
