// Programs in the guest: many in one boot of the system, one after the other. The roottask's lines tell where each begins
// and ends. One that hangs or stops the system costs itself alone: the next boot goes on behind it.

import { archiveOf } from "./file-tree.ts";
import { type Engine, startMachine } from "./machines.ts";
import { CLEANERS, ENVIRONMENT, type Outcome, type Program } from "./program.ts";

/** Nanoseconds that the system may take to start the first program, and to power off. */
const BOOT = 20e9;
/** Bytes of programs' files in one boot; the roottask's memory is no larger than the guest's. */
const BOOT_BYTES = 256 << 20;

export interface GuestOptions {
  /** Seconds of the machine after which a program is taken to hang. */
  seconds?: number;
  /** Whether system calls go to the mediator first. */
  mediated?: boolean;
  /** Processors of the machine, 1 if it is not said. */
  processors?: number;
  /** What the system boots on, the emulator if it is not said. */
  engine?: Engine;
}

/** A line of the start file, which leads a session as on Linux. Every word is quoted, so that none is a comment. */
function startLine(command: readonly string[]): string {
  const bad = command.find((word) => /["\n\r]/.test(word));
  if (bad !== undefined) throw new Error(`a start file has no room for ${JSON.stringify(bad)}`);
  return `session linux ${command.map((word) => `"${word}"`).join(" ")}`;
}

/** The roottask's own words for the same line, in Latin-1 characters. */
function announced(command: readonly string[]): string {
  return Buffer.from(`linux ${command.join(" ")}`).toString("latin1");
}

/** Follows the log of a boot. */
class Log {
  readonly outcomes: (Outcome | undefined)[];
  /** Index of the program that runs, or of the next one. */
  at = 0;
  running = false;
  /** Where in time the running program, or what stands between two, began. */
  since = 0;
  #number = "";
  #line = "";
  #text = "";
  readonly #announced: readonly string[];

  constructor(programs: readonly Program[]) {
    this.#announced = programs.map(({ command }) => announced(command));
    this.outcomes = programs.map(() => undefined);
  }

  /** Bytes of the log as Latin-1 characters, and when they came. */
  take(text: string, now: number): void {
    const lines = (this.#line + text).split("\n");
    this.#line = lines.pop() ?? "";
    for (const line of lines) this.#takeLine(line, now);
  }

  #takeLine(line: string, now: number): void {
    const [, what, number = "", rest = ""] =
      /^\[roottask\] (start|end) (\d+): (.*)$/s.exec(line) ?? [];
    if (what === "start" && !this.running) {
      const index = this.#announced.indexOf(rest, this.at);
      // What is not announced here is a cleaner; what was skipped was not started.
      if (index < 0) return;
      for (; this.at < index; this.at++) this.finish("not started");
      this.running = true;
      this.since = now;
      this.#number = number;
      this.#text = "";
    } else if (what === "end" && this.running && number === this.#number) {
      this.finish(rest);
      this.at++;
      this.since = now;
    } else if (!/^\[(roottask|kernel)\]/.test(line)) this.#text += `${line}\n`;
  }

  /** The program that runs has come to its end. */
  finish(end: string): void {
    this.outcomes[this.at] = { text: this.#text, end };
    this.running = false;
    this.#text = "";
  }
}

/** Boots once; outcomes of the first programs, at least of one. */
async function boot(programs: readonly Program[], options: GuestOptions): Promise<Outcome[]> {
  const { seconds = 5, mediated = true, processors = 1, engine = "emulator" } = options;
  const lines = [
    ...Object.entries(ENVIRONMENT).map(([name, value]) => `env ${name}=${value}`),
    ...(mediated ? [] : ["mediator off"]),
    ...programs.flatMap(({ command }) => [command, ...CLEANERS].map(startLine)),
  ];
  const archive = await archiveOf(programs, `${lines.join("\n")}\n`);
  const machine = await startMachine(engine, archive, processors);
  const log = new Log(programs);
  try {
    for (;;) {
      const { text, now, stopped } = await machine.goOn();
      log.take(text, now);
      if (log.at === programs.length) break;
      const late = now - log.since > (log.running ? seconds * 1e9 : BOOT);
      if (stopped === undefined && !late) continue;
      log.finish(late ? "no end: time is up" : `no end: the system stopped (${stopped})`);
      break;
    }
  } finally {
    machine.end();
  }
  return log.outcomes.flatMap((outcome) => (outcome ? [outcome] : []));
}

/** How many programs from the first on have room in one boot. */
function fitting(programs: readonly Program[]): number {
  const seen = new Set<string>();
  let bytes = 0;
  const index = programs.findIndex(({ files }) => {
    for (const { name, data } of files) {
      if (!seen.has(name)) bytes += data?.length ?? 0;
      seen.add(name);
    }
    return bytes > BOOT_BYTES;
  });
  return index < 0 ? programs.length : Math.max(index, 1);
}

/** Runs all programs, in as many boots as it takes. Kernel and roottask must have been made. */
export async function runInGuest(
  programs: readonly Program[],
  options: GuestOptions = {},
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  while (outcomes.length < programs.length) {
    const rest = programs.slice(outcomes.length);
    outcomes.push(...(await boot(rest.slice(0, fitting(rest)), options)));
  }
  return outcomes;
}
