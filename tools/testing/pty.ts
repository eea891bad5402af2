// A program on a pseudo terminal, which `script` (bsdutils) opens, and what a terminal emulator that we did not write
// shows of its output.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import headless, { type IBufferCell, type Terminal } from "@xterm/headless";
import { hasTool } from "./host-tools.ts";

export const hasPty = process.platform === "linux" && hasTool("script");

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

/** Colours 0–15 of a cell's front and back, -1 for the terminal's own, and its flags. */
export interface PtyCell {
  text: string;
  front: number;
  back: number;
  bold: boolean;
  blink: boolean;
}

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 10));

export class Pty {
  readonly terminal: Terminal;
  readonly #child: ChildProcess;
  /** All that was written, as Latin-1. */
  output = "";
  readonly ended: Promise<number | null>;
  #isOver = false;

  /** Runs `command`, an argument each, in a terminal of `columns` × `rows`; `after` is for the shell when it has ended. */
  constructor(command: readonly string[], columns: number, rows: number, after = "") {
    this.terminal = new headless.Terminal({ cols: columns, rows, allowProposedApi: true });
    const size = `tty; stty cols ${columns} rows ${rows}`;
    const program = `sh -c 'echo pid $$; exec "$@"' sh ${command.map(quoted).join(" ")}`;
    const line = [size, program, "status=$?", after || ":", "exit $status"].join("\n");
    this.#child = spawn("script", ["-qefc", line, "/dev/null"], {
      env: { ...process.env, TERM: "xterm-256color", LC_ALL: "C.UTF-8", SHELL: "/bin/sh" },
    });
    this.#child.stdout?.on("data", (bytes: Buffer) => {
      this.output += bytes.toString("latin1");
      this.terminal.write(bytes);
    });
    this.terminal.onData((text) => this.type(text));
    this.ended = new Promise((resolve) => {
      this.#child.on("close", (status) => {
        this.#isOver = true;
        this.terminal.write("", () => resolve(status));
      });
    });
  }

  type(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** Another size, as a window that is dragged gives it. */
  resize(columns: number, rows: number): void {
    this.terminal.resize(columns, rows);
    const device = /^(\/dev\/\S+)/m.exec(this.output)?.[1] as string;
    spawnSync("stty", ["-F", device, "cols", `${columns}`, "rows", `${rows}`]);
  }

  /** Of the program. */
  get pid(): number {
    return Number(/^pid (\d+)/m.exec(this.output)?.[1]);
  }

  /** Rows of the screen without blanks at their ends. */
  get rows(): string[] {
    const { active } = this.terminal.buffer;
    return Array.from({ length: this.terminal.rows }, (_, y) =>
      (active.getLine(active.viewportY + y)?.translateToString() ?? "").trimEnd(),
    );
  }

  cell(column: number, row: number): PtyCell {
    return cellAt(this.terminal, column, row);
  }

  /** Resolves when what is shown is as wanted. Throws when the program has ended before. */
  async until(wanted: string | (() => boolean)): Promise<void> {
    const found = typeof wanted === "string" ? () => this.rows.join("\n").includes(wanted) : wanted;
    while (!found()) {
      if (this.#isOver) throw new Error(`the program has ended:\n${this.rows.join("\n")}`);
      await turn();
    }
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}

/** A cell of what a terminal shows. */
export function cellAt(terminal: Terminal, column: number, row: number): PtyCell {
  const { active } = terminal.buffer;
  const cell = active.getLine(active.viewportY + row)?.getCell(column) as IBufferCell;
  return {
    text: cell.getChars() || " ",
    front: cell.isFgPalette() ? cell.getFgColor() : -1,
    back: cell.isBgPalette() ? cell.getBgColor() : -1,
    bold: cell.isBold() !== 0,
    blink: cell.isBlink() !== 0,
  };
}
