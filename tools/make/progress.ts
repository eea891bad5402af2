// What the person sees: a status line that changes in place on a terminal, one line per finished step
// elsewhere. Colours follow chalk (NO_COLOR, FORCE_COLOR); everything goes to stderr but what is asked for.

import { Chalk } from "chalk";

export interface ProgressOptions {
  verbose: boolean;
  quiet: boolean;
}

export class Progress {
  readonly #terminal = process.stderr.isTTY === true && process.env.TERM !== "dumb";
  readonly #colour = new Chalk(
    process.env.NO_COLOR || !process.stderr.isTTY ? { level: 0 } : undefined,
  );
  readonly #running = new Map<string, number>();
  readonly #options: ProgressOptions;
  #timer: NodeJS.Timeout | undefined;
  #done = 0;
  #total = 0;

  constructor(options: ProgressOptions) {
    this.#options = options;
  }

  begin(total: number): void {
    this.#total = total;
    this.#done = 0;
    if (this.#terminal && !this.#options.quiet) {
      this.#timer = setInterval(() => this.#status(), 100);
      this.#timer.unref();
    }
  }

  end(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#clear();
  }

  skipped(): void {
    this.#done++;
  }

  started(name: string): void {
    this.#running.set(name, performance.now());
    this.#status();
  }

  finished(name: string): void {
    const seconds = this.#stop(name);
    this.#done++;
    this.line(`${this.#colour.green("✓")} ${name} ${this.#colour.dim(seconds)}`);
  }

  failed(name: string, message: string): void {
    const seconds = this.#stop(name);
    this.#clear();
    process.stderr.write(`${this.#colour.red("✗")} ${name} ${this.#colour.dim(seconds)}\n`);
    process.stderr.write(`${message.trimEnd()}\n`);
  }

  /** A line unless `--quiet`. */
  line(text: string): void {
    if (this.#options.quiet) return;
    this.#clear();
    process.stderr.write(`${text}\n`);
  }

  /** A line with `--verbose`. */
  detail(text: string): void {
    if (!this.#options.verbose) return;
    this.line(this.#colour.dim(text));
  }

  #stop(name: string): string {
    const since = this.#running.get(name) ?? performance.now();
    this.#running.delete(name);
    return seconds(performance.now() - since);
  }

  #clear(): void {
    if (this.#terminal) process.stderr.write("\r\x1b[K");
  }

  #status(): void {
    if (!this.#terminal || this.#options.quiet || this.#timer === undefined) return;
    if (this.#running.size === 0) return;
    const now = performance.now();
    const names = [...this.#running].map(([name, since]) => `${name} ${seconds(now - since)}`);
    const text = `[${this.#done}/${this.#total}] ${names.join(", ")}`;
    const width = (process.stderr.columns ?? 80) - 1;
    process.stderr.write(`\r\x1b[K${text.length > width ? `${text.slice(0, width - 1)}…` : text}`);
  }
}

/** Milliseconds as seconds with one decimal place. */
export function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
