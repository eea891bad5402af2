// Worker processes for jobs. They load compilers once and are used for job after job; stopping make kills
// them, so that an interrupted compilation leaves nothing behind.

import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type Jobs, MakeError } from "./task.ts";

/** What a worker answers. `explained` tells an error meant for people from a defect of the build itself. */
export type Answer =
  | { ok: true; value: unknown }
  | { ok: false; message: string; stack: string; explained: boolean };

export interface Order {
  name: string;
  options: unknown;
}

export class Workers {
  readonly #idle: ChildProcess[] = [];
  readonly #all = new Set<ChildProcess>();
  readonly #verbose: boolean;

  constructor(verbose: boolean) {
    this.#verbose = verbose;
  }

  /** Runs one job; throws `MakeError` with what the job says when it fails. */
  async run<Name extends keyof Jobs>(
    name: Name,
    options: Parameters<Jobs[Name]>[0],
  ): Promise<Awaited<ReturnType<Jobs[Name]>>> {
    const worker = this.#idle.pop() ?? this.#start();
    let errors = "";
    const collect = (chunk: Buffer): void => {
      errors += chunk.toString();
    };
    worker.stderr?.on("data", collect);
    const answer = await new Promise<Answer>((resolve) => {
      const onExit = (code: number | null, signal: string | null): void => {
        resolve({
          ok: false,
          message: `the worker ended with ${signal ?? `status ${code}`}\n${errors}`.trim(),
          stack: "",
          explained: true,
        });
      };
      worker.once("exit", onExit);
      worker.once("message", (message: Answer) => {
        worker.off("exit", onExit);
        resolve(message);
      });
      worker.send({ name, options } satisfies Order);
    });
    worker.stderr?.off("data", collect);
    if (worker.connected) this.#idle.push(worker);
    if (answer.ok) return answer.value as Awaited<ReturnType<Jobs[Name]>>;
    const trace = answer.explained && !this.#verbose ? "" : `\n${answer.stack}`;
    throw new MakeError(`${answer.message}${trace}`.trim());
  }

  #start(): ChildProcess {
    const worker = fork(fileURLToPath(new URL("./worker.ts", import.meta.url)), {
      execArgv: ["--import", new URL("../loader/register.mjs", import.meta.url).href],
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.#all.add(worker);
    worker.once("exit", () => this.#all.delete(worker));
    return worker;
  }

  /** Ends all workers at once. */
  stop(): void {
    for (const worker of this.#all) worker.kill("SIGKILL");
    this.#all.clear();
    this.#idle.length = 0;
  }
}
