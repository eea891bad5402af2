// The monitor as a person or a script has it: a prompt, lines, answers in order. On a terminal lines are edited, kept
// and completed; a pipe gets its answers alone.

import { createInterface, type Interface } from "node:readline";
import { PassThrough, Writable } from "node:stream";
import type { Monitor } from "../monitor/monitor.ts";

const PROMPT = "(qemu) ";
const HISTORY = 500;
/** Bytes of a line; longer ones are no commands. */
const MAX_LINE = 8192;
const NEWLINE = 10;
const RETURN = 13;

export interface ConsoleOptions {
  monitor: Monitor;
  /** Says who answers, at the beginning. */
  banner: string;
  /** Lines are edited here, with echo; line breaks are sent as CR LF. */
  terminal: boolean;
  write(text: string): void;
  /** A line is longer than any command. */
  onTooLong(): void;
}

export class MonitorConsole {
  readonly #options: ConsoleOptions;
  #editor: { lines: Interface; typed: PassThrough } | undefined;
  #line: number[] = [];
  #length = 0;
  #closed = false;
  #answers: Promise<void> = Promise.resolve();

  constructor(options: ConsoleOptions) {
    this.#options = options;
    this.#write(`${options.banner}\n`);
    if (options.terminal) this.#edit();
    this.#prompt();
  }

  /** Resolves when all that was asked has been answered. */
  get answered(): Promise<void> {
    return this.#answers;
  }

  #write(text: string): void {
    if (this.#closed) return;
    this.#options.write(this.#options.terminal ? text.replaceAll("\n", "\r\n") : text);
  }

  #edit(): void {
    const typed = new PassThrough();
    const output = new Writable({
      write: (chunk, _encoding, done) => {
        if (!this.#closed) this.#options.write(String(chunk));
        done();
      },
    });
    const lines = createInterface({
      input: typed,
      output,
      terminal: true,
      prompt: PROMPT,
      historySize: HISTORY,
      removeHistoryDuplicates: true,
      completer: (line: string, done: (error: null, result: [string[], string]) => void) => {
        void this.#options.monitor
          .complete(line)
          .then(({ words, last }) =>
            done(null, [words.length === 1 ? [`${words[0]} `] : words, last]),
          );
      },
    });
    lines.on("line", (line) => this.#ask(line));
    // Ctrl-C and Ctrl-D leave the line, not the monitor.
    lines.on("SIGINT", () => {
      lines.write(null, { ctrl: true, name: "u" });
      this.#write("\n");
      this.#prompt();
    });
    // Without a listener readline stops the whole process for Ctrl-Z.
    lines.on("SIGTSTP", () => {});
    this.#editor = { lines, typed };
  }

  #prompt(): void {
    if (this.#closed) return;
    if (this.#editor === undefined) this.#write(PROMPT);
    else this.#editor.lines.prompt();
  }

  /** Shows the prompt again, below what others have said. */
  show(): void {
    this.#write("\n");
    this.#prompt();
  }

  receive(bytes: Uint8Array): void {
    for (const byte of bytes) {
      this.#length = byte === NEWLINE || byte === RETURN ? 0 : this.#length + 1;
      if (this.#length > MAX_LINE) {
        this.#options.onTooLong();
        return;
      }
    }
    // Ctrl-D would close the editor.
    if (this.#editor !== undefined) this.#editor.typed.write(bytes.filter((byte) => byte !== 4));
    else for (const byte of bytes) this.#collect(byte);
  }

  #collect(byte: number): void {
    if (byte === NEWLINE) {
      const line = new TextDecoder().decode(Uint8Array.from(this.#line));
      this.#line = [];
      this.#ask(line);
    } else if (byte !== RETURN) {
      this.#line.push(byte);
    }
  }

  /** There will be no more input. */
  end(): void {
    if (this.#line.length > 0) this.#collect(NEWLINE);
  }

  #ask(line: string): void {
    this.#answers = this.#answers.then(async () => {
      if (this.#closed) return;
      this.#options.monitor.remember(line);
      this.#write(await this.#options.monitor.execute(line));
      this.#prompt();
    });
  }

  /** Nothing is written any more. */
  close(): void {
    this.#closed = true;
    this.#editor?.lines.close();
  }
}
