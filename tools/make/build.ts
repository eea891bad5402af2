// The task runner: orders steps, runs what is not up to date in parallel and records what it did. Outputs
// are written aside and renamed when the step has succeeded, so an interrupted build leaves no half file.

import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { Files, hashOf, MISSING } from "../cache/files.ts";
import { takeLock } from "../cache/lock.ts";
import { packageVersion } from "../cache/packages.ts";
import { type ModuleParts, moduleParts } from "./module-parts.ts";
import { Progress, seconds } from "./progress.ts";
import { loadState, type State, saveState, type TaskState } from "./state.ts";
import { fileProblem, MakeError, type Task, type TaskContext } from "./task.ts";
import { Workers } from "./workers.ts";

export interface BuildOptions {
  /** Steps at a time; the number of processors by default. */
  jobs?: number;
  /** Runs steps that are up to date too. */
  force?: boolean;
  /** Says what would run, runs nothing. */
  dryRun?: boolean;
  verbose?: boolean;
  quiet?: boolean;
}

export interface BuildSummary {
  total: number;
  ran: number;
  milliseconds: number;
}

/** Process groups are POSIX; elsewhere only the program itself is stopped. */
const hasGroups = process.platform !== "win32";

interface Node {
  task: Task;
  waitsFor: Set<Node>;
  state: "waiting" | "running" | "done" | "failed";
  /** In a dry run: would it run? */
  stale: boolean;
}

/** Builds steps of one repository; `root` is its folder. */
export class Builder {
  readonly #root: string;
  readonly #options: BuildOptions;
  readonly #folder: string;
  readonly progress: Progress;
  readonly #workers: Workers;
  readonly #children = new Set<{ pid?: number | undefined }>();
  #state: State = loadState("");
  #files = new Files("", {});
  readonly #parts = new Map<Task, ModuleParts>();

  constructor(root: string, options: BuildOptions) {
    this.#root = root;
    this.#options = options;
    this.#folder = join(root, "build/.make");
    this.progress = new Progress({
      verbose: options.verbose ?? false,
      quiet: options.quiet ?? false,
    });
    this.#workers = new Workers(options.verbose ?? false);
  }

  /** Brings the steps and all they depend on up to date. Throws `MakeError` when a step fails. */
  async build(tasks: Task[]): Promise<BuildSummary> {
    const began = performance.now();
    const release = await takeLock(join(this.#folder, "lock"), (pid) =>
      this.progress.line(`another make (process ${pid}) is building here, waiting for it`),
    );
    const onSignal = (signal: NodeJS.Signals): void => {
      this.#stop();
      release();
      process.exit(signal === "SIGINT" ? 130 : 143);
    };
    process.on("SIGINT", onSignal);
    process.on("SIGTERM", onSignal);
    try {
      this.#removeLeftovers();
      this.#state = loadState(this.#statePath);
      this.#files = new Files(this.#root, this.#state.hashes);
      const nodes = orderTasks(tasks);
      this.progress.begin(nodes.length);
      const ran = await this.#runAll(nodes);
      this.progress.end();
      if (!this.#options.dryRun) this.#save();
      return { total: nodes.length, ran, milliseconds: performance.now() - began };
    } finally {
      this.progress.end();
      process.off("SIGINT", onSignal);
      process.off("SIGTERM", onSignal);
      this.#stop();
      release();
    }
  }

  get #statePath(): string {
    return join(this.#folder, "state.json");
  }

  #stop(): void {
    this.#workers.stop();
    for (const child of this.#children) stopGroup(child.pid);
    this.#children.clear();
    rmSync(this.#aside, { recursive: true, force: true });
    this.progress.end();
  }

  /** With the lock held, asides of other processes are those of makes that were killed. */
  #removeLeftovers(): void {
    for (const name of readdirSync(this.#folder)) {
      if (name.startsWith("aside-")) rmSync(join(this.#folder, name), { recursive: true });
    }
  }

  get #aside(): string {
    return join(this.#folder, `aside-${process.pid}`);
  }

  async #runAll(nodes: Node[]): Promise<number> {
    const limit = this.#options.jobs ?? availableParallelism();
    let ran = 0;
    let failed = false;
    const running = new Set<Promise<void>>();
    for (;;) {
      for (const node of nodes) {
        if (failed || running.size >= limit) break;
        if (
          node.state !== "waiting" ||
          ![...node.waitsFor].every((each) => each.state === "done")
        ) {
          continue;
        }
        const reason = this.#reason(node);
        if (reason === undefined) {
          node.state = "done";
          this.progress.skipped();
          continue;
        }
        ran++;
        if (this.#options.dryRun) {
          node.state = "done";
          node.stale = true;
          this.progress.line(`would run ${node.task.name}: ${reason}`);
          continue;
        }
        node.state = "running";
        this.progress.detail(`${node.task.name}: ${reason}`);
        const promise = this.#runOne(node.task).then((ok) => {
          node.state = ok ? "done" : "failed";
          if (!ok) failed = true;
          running.delete(promise);
        });
        running.add(promise);
      }
      if (running.size > 0) {
        await Promise.race(running);
        continue;
      }
      const open = nodes.some(
        (node) =>
          node.state === "waiting" && [...node.waitsFor].every((each) => each.state === "done"),
      );
      if (failed || !open) break;
    }
    if (failed) {
      const names = nodes.filter((node) => node.state === "failed").map((node) => node.task.name);
      throw new MakeError(`make: failed: ${names.join(", ")}`);
    }
    return ran;
  }

  #settings(task: Task): string {
    const tools = [...new Set([...(task.tools ?? []), ...this.#partsOf(task).packages])].sort();
    const versions = tools.map((tool) => `${tool}@${packageVersion(this.#root, tool)}`);
    return hashOf(JSON.stringify([versions, task.options ?? null, task.outputs]));
  }

  #partsOf(task: Task): ModuleParts {
    let parts = this.#parts.get(task);
    if (parts === undefined) {
      parts = moduleParts(this.#root, task.code ?? []);
      this.#parts.set(task, parts);
    }
    return parts;
  }

  /** Why the step must run, or undefined when it is up to date. */
  #reason(node: Node): string | undefined {
    const { task } = node;
    const known = this.#state.tasks[task.name];
    if (this.#options.force) return "--force";
    const stale = [...node.waitsFor].find((each) => each.stale);
    if (stale) return `${stale.task.name} would run`;
    if (!known) return "it has not run yet";
    for (const path of task.outputs) {
      const hash = this.#files.outputHash(path);
      if (hash === MISSING) return `${path} is missing`;
      if (hash !== known.outputs[path]) return `${path} is not what it made`;
    }
    if (known.settings !== this.#settings(task)) return "a tool version or an option changed";
    const paths = this.#inputs(task, known.discovered);
    for (const path of paths) {
      const before = known.inputs[path];
      if (before === undefined) return `${path} is a new input`;
      if (before !== this.#files.hash(path)) return `${path} changed`;
    }
    const gone = Object.keys(known.inputs).find((path) => !paths.includes(path));
    return gone === undefined ? undefined : `${gone} is no longer an input`;
  }

  #inputs(task: Task, discovered: string[]): string[] {
    const declared = this.#files.expand([...task.inputs, ...this.#partsOf(task).files]);
    return [...new Set([...declared, ...discovered])].sort();
  }

  async #runOne(task: Task): Promise<boolean> {
    this.progress.started(task.name);
    // Hashed before it runs: an input that is edited meanwhile makes the step stale again.
    const before = new Map(this.#inputs(task, []).map((path) => [path, this.#files.hash(path)]));
    const folder = join(this.#aside, hashOf(task.name).slice(0, 16));
    try {
      const missing = [...before].find(([, hash]) => hash === MISSING);
      if (missing) throw new MakeError(`${missing[0]}: no such file, but ${task.name} needs it`);
      const result = await task.run(this.#context(task, folder));
      const outputs: Record<string, string> = {};
      for (const path of task.outputs) this.#publish(task, folder, path);
      for (const path of task.outputs) outputs[path] = this.#files.outputHash(path);
      const inputs = { ...result?.discovered, ...Object.fromEntries(before) };
      const discovered = Object.keys(inputs).filter((path) => !before.has(path));
      const state: TaskState = { settings: this.#settings(task), inputs, outputs, discovered };
      this.#state.tasks[task.name] = state;
      this.#save();
      this.progress.finished(task.name);
      return true;
    } catch (error) {
      const problem = fileProblem(error);
      const explained = error instanceof MakeError || problem !== undefined;
      const text = problem ?? (error instanceof Error ? error.message : String(error));
      const trace = explained || !(error instanceof Error) ? "" : `\n${error.stack ?? ""}`;
      this.progress.failed(task.name, text + trace);
      return false;
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  #publish(task: Task, folder: string, path: string): void {
    const aside = join(folder, path);
    if (!existsSync(aside)) throw new MakeError(`${task.name} did not write ${path}`);
    const target = join(this.#root, path);
    mkdirSync(dirname(target), { recursive: true });
    renameSync(aside, target);
  }

  #save(): void {
    const { tasks } = this.#state;
    const known = Object.values(tasks).flatMap(({ inputs, outputs }) => [inputs, outputs]);
    const paths = new Set(known.flatMap(Object.keys));
    const hashes = Object.entries(this.#files.cache).filter(([path]) => paths.has(path));
    saveState(this.#statePath, { ...this.#state, hashes: Object.fromEntries(hashes) });
  }

  #context(task: Task, folder: string): TaskContext {
    return {
      force: this.#options.force ?? false,
      output: (path) => {
        if (!task.outputs.includes(path)) {
          throw new Error(`${task.name} writes ${path}, which is not one of its outputs`);
        }
        const aside = join(folder, path);
        mkdirSync(dirname(aside), { recursive: true });
        return aside;
      },
      scratch: () => {
        const aside = join(folder, "scratch");
        mkdirSync(aside, { recursive: true });
        return aside;
      },
      job: ((name: never, options: never) =>
        this.#workers.run(name, options)) as TaskContext["job"],
      program: (command, args, options) => this.#program(command, args, options?.env ?? {}),
      note: (line) => this.progress.line(line),
    };
  }

  async #program(command: string, args: string[], env: Record<string, string>): Promise<void> {
    this.progress.detail(`$ ${[command, ...args].join(" ")}`);
    // Only builds that compile foreign programs need it, and it takes a while to load.
    const { execa } = await import("execa");
    const child = execa(command, args, {
      cwd: this.#root,
      env,
      stdin: "ignore",
      all: true,
      reject: false,
      // A group of its own, so that a compiler that starts others is stopped with them.
      detached: hasGroups,
    });
    this.#children.add(child);
    const { all, exitCode, signal, cause } = await child;
    this.#children.delete(child);
    if (exitCode === 0) {
      if (all) this.progress.detail(all);
      return;
    }
    const why =
      cause instanceof Error ? cause.message : `ended with ${signal ?? `status ${exitCode}`}`;
    throw new MakeError(all || `${command}: ${why}`);
  }
}

function stopGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(hasGroups ? -pid : pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

/** One line about a finished build. */
export function describe(summary: BuildSummary, dryRun: boolean): string {
  const { total, ran, milliseconds } = summary;
  if (ran === 0) return `everything is up to date (${total} steps, ${seconds(milliseconds)})`;
  const verb = dryRun ? "would run" : "done";
  return `${ran} of ${total} steps ${verb}, ${total - ran} up to date, ${seconds(milliseconds)}`;
}

/** All steps that `tasks` need, those that are needed first; a step that makes an input of another is needed by it. */
function orderTasks(tasks: Task[]): Node[] {
  const byOutput = new Map<string, Task>();
  const nodes = new Map<Task, Node>();
  const known = new Set<Task>();
  const gather = (task: Task): void => {
    if (known.has(task)) return;
    known.add(task);
    for (const each of task.after ?? []) gather(each);
    for (const output of task.outputs) {
      const other = byOutput.get(output);
      if (other) throw new Error(`${output} is made by ${other.name} and by ${task.name}`);
      byOutput.set(output, task);
    }
  };
  for (const task of tasks) gather(task);
  const names = new Set([...known].map((task) => task.name));
  if (names.size !== known.size) throw new Error("two steps have the same name");

  const order: Node[] = [];
  const open = new Set<Task>();
  const visit = (task: Task): Node => {
    const ready = nodes.get(task);
    if (ready) return ready;
    if (open.has(task)) throw new Error(`${task.name} depends on itself`);
    open.add(task);
    const needs = new Set(task.after ?? []);
    for (const input of task.inputs) {
      const maker = byOutput.get(input);
      if (maker) needs.add(maker);
    }
    const node: Node = { task, waitsFor: new Set(), state: "waiting", stale: false };
    for (const need of needs) node.waitsFor.add(visit(need));
    open.delete(task);
    nodes.set(task, node);
    order.push(node);
    return node;
  };
  for (const task of known) visit(task);
  return order;
}
