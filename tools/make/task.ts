// What a build step is: what it reads, what it makes, which tools and options it depends on. Steps are
// content addressed: a step runs again when the hash of any of these, or of an output, has changed.

/** A failure that is explained to the person who runs make: shown without a stack trace. */
export class MakeError extends Error {
  override name = "MakeError";
}

/**
 * What the system said about a file, in one line (`EACCES: permission denied, mkdir '…'`); undefined for any
 * other error. A full disk or a folder that cannot be written is no defect of the build: no stack trace.
 */
export function fileProblem(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, syscall, message } = error as NodeJS.ErrnoException;
  if (typeof code !== "string" || typeof syscall !== "string") return undefined;
  return `${message}; make check tells whether there is room and the right to write`;
}

export interface TaskContext {
  /** `--force`: no cache may answer. */
  readonly force: boolean;
  /** Path to write an output to; it becomes the output when the whole step has succeeded. */
  output(path: string): string;
  /** A folder of the step's own that goes with its end. */
  scratch(): string;
  /** Runs a job in a worker process, so that it can be stopped and uses a core of its own. */
  job<Name extends keyof Jobs>(
    name: Name,
    options: Parameters<Jobs[Name]>[0],
  ): ReturnType<Jobs[Name]>;
  /** Runs a program; its output is shown if it fails, or with `--verbose`. Throws `MakeError`. */
  program(
    command: string,
    args: string[],
    options?: { env?: Record<string, string> },
  ): Promise<void>;
  /** A line for the person, shown unless `--quiet`. */
  note(line: string): void;
}

/** What a step found out while it ran. */
export interface TaskResult {
  /**
   * Files that were looked for besides the declared inputs, with the hash of what was read, or `MISSING`; they
   * count as inputs from now on.
   */
  discovered?: Readonly<Record<string, string>>;
}

export interface Task {
  /** Short and unique, shown while it runs: `asc kernel`. */
  name: string;
  /** Files and globs (`*` inside a name, `**` over folders, a leading `!` takes away), relative to the repository. */
  inputs: string[];
  /** Files it makes, relative to the repository. */
  outputs: string[];
  /**
   * Modules of the repository that do the work: they and all they import are inputs, as are the versions of the
   * packages behind them.
   */
  code?: string[];
  /** Other npm packages whose version matters. */
  tools?: string[];
  /** Everything else the result depends on; must be JSON. */
  options?: unknown;
  /** Steps that must be done before; those that make an input are found without being listed. */
  after?: Task[];
  run(context: TaskContext): Promise<TaskResult | undefined>;
}

/** Jobs that worker processes know, see jobs.ts. */
export type Jobs = typeof import("./jobs.ts");
