// Results as JSON: what was measured where, on which host and when, so that runs can be kept and compared.

import { readFileSync } from "node:fs";
import { arch, cpus, release, type } from "node:os";
import type { Measurement, Spread } from "./lines.ts";

/** Machines that measurements run on. */
export const PLACES = ["emulator", "qemu", "reference", "kvm", "linux"] as const;
export type Place = (typeof PLACES)[number];

/** One machine's measurements. */
export interface Run {
  place: Place;
  /** What ran on what, in a few words. */
  what: string;
  /** What a tick is there. */
  tick: string;
  /** How it was measured. */
  command: string;
  /** ISO 8601, to the minute. */
  date: string;
  /** The host's processor and system. */
  host: string;
  measurements: Measurement[];
}

export interface Results {
  /** Of this form. */
  version: 1;
  runs: Run[];
}

/** This host, for a record. */
export function describeHost(): string {
  const model = cpus()[0]?.model.trim().replace(/\s+/g, " ") || "unknown processor";
  return `${model} (${arch()}), ${type()} ${release()}, Node ${process.version}`;
}

export function now(): string {
  return `${new Date().toISOString().slice(0, 16)}Z`;
}

function isSpread(value: unknown): value is Spread {
  const { min, median, p99 } = (value ?? {}) as Partial<Spread>;
  return [min, median, p99].every((n) => typeof n === "number" && Number.isFinite(n) && n >= 0);
}

function isMeasurement(value: unknown): value is Measurement {
  const { program, name, n, ticks, instructions } = (value ?? {}) as Partial<Measurement>;
  return (
    typeof program === "string" &&
    typeof name === "string" &&
    Number.isSafeInteger(n) &&
    isSpread(ticks) &&
    (instructions === undefined || isSpread(instructions))
  );
}

function isRun(value: unknown): value is Run {
  const run = (value ?? {}) as Partial<Run>;
  const texts = [run.what, run.tick, run.command, run.date, run.host];
  return (
    PLACES.includes(run.place as Place) &&
    texts.every((text) => typeof text === "string") &&
    Array.isArray(run.measurements) &&
    run.measurements.every(isMeasurement)
  );
}

/** Parses results. Throws an error that names `file` and what is wrong with it. */
export function parseResults(text: string, file: string): Results {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`${file}: not JSON: ${(error as Error).message.split("\n")[0]}`);
  }
  const { version, runs } = (value ?? {}) as Partial<Results>;
  if (version !== 1) throw new Error(`${file}: not results of measurements (version 1)`);
  if (!Array.isArray(runs)) throw new Error(`${file}: has no list of runs`);
  const bad = runs.findIndex((run) => !isRun(run));
  if (bad >= 0) throw new Error(`${file}: runs[${bad}] is not a run with measurements`);
  return { version, runs };
}

/** Reads results from a file. Throws an error of one line. */
export function readResults(file: string): Results {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(`${file}: cannot be read (${code}); expected results.json of an earlier run`);
  }
  return parseResults(text, file);
}

export function formatResults(results: Results): string {
  return `${JSON.stringify(results, null, 2)}\n`;
}

/** The measurement of that name; of several programs the first. */
export function find(
  run: Run | undefined,
  name: string,
  program?: string,
): Measurement | undefined {
  return run?.measurements.find(
    (each) => each.name === name && (program === undefined || each.program === program),
  );
}
