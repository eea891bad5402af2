// `-display curses`: the guest's text screen, the monitor and serial lines on the terminal that the command runs in,
// one at a time; Alt with a digit, or Escape and a digit, changes between them, as in QEMU.

import { Display } from "../../display.ts";
import { LoadError } from "../../load-error.ts";
import type { Machine } from "../../machine.ts";
import { GuestScreen } from "./guest-screen.ts";
import { TerminalInput } from "./terminal-input.ts";
import { type Frame, TerminalScreen } from "./terminal-screen.ts";
import { TextConsole } from "./text-console.ts";
import { TypedInput } from "./typed-input.ts";
import { type Keypress, keysTyped } from "./typed-keys.ts";

/** Between two looks, ms: at most 30 a second. */
const LOOK_MS = 34;
/** Of a terminal that does not know its size (POSIX stty: a size of 0). */
const USUAL_SIZE = { columns: 80, rows: 24 };

/** Something that the terminal can show. */
interface Console {
  frame(columns: number, rows: number): Frame;
  key(press: Keypress): void;
}

/** What is said to the person at the terminal while it shows something else, characters; more is dropped. */
const MAX_HELD = 65536;

/** Consoles in the order of their numbers, behind the screen. */
const KINDS = ["monitor", "qmp", "serial", "debugcon"] as const;
export type ConsoleKind = (typeof KINDS)[number];

/** Throws `LoadError` if the command does not run in a terminal. */
function checkTerminal(): void {
  const { stdin, stdout, env } = process;
  if (!stdin.isTTY || !stdout.isTTY) {
    const which = stdout.isTTY ? "input" : "output";
    throw new LoadError(`-display curses: standard ${which} is not a terminal`);
  }
  if (env.TERM === "dumb") {
    throw new LoadError("-display curses: the terminal cannot place text (TERM=dumb)");
  }
}

export class CursesDisplay {
  readonly #screen: TerminalScreen;
  readonly #added: { kind: ConsoleKind; console: TextConsole }[] = [];
  #consoles: readonly Console[] = [];
  #shown: Console | undefined;
  #typed: TypedInput | undefined;
  #input: TerminalInput | undefined;
  #timer: NodeJS.Timeout | undefined;
  #held = "";

  /** `write` writes to the terminal. Throws `LoadError` if there is none. */
  constructor(write: (text: string) => void) {
    checkTerminal();
    this.#screen = new TerminalScreen(write);
  }

  /** A console of its own for a character device, before the terminal is taken. */
  console(kind: ConsoleKind, number: number): TextConsole {
    const console = new TextConsole(`${kind}${number}`);
    this.#added.push({ kind, console });
    return console;
  }

  /** Takes the terminal. Throws `LoadError` if there is nothing to show. */
  start(machine: Machine): void {
    const typed = new TypedInput(machine);
    this.#typed = typed;
    const display = Display.of(machine);
    const screen = display === undefined ? [] : [guestConsole(display, typed)];
    const added = KINDS.flatMap((kind) => this.#added.filter((one) => one.kind === kind));
    this.#consoles = [...screen, ...added.map(({ console }) => console)];
    this.#shown = this.#consoles[0];
    if (this.#shown === undefined) {
      throw new LoadError(
        "-display curses: there is no display adapter, monitor or serial line to show: -vga std is one",
      );
    }
    this.#open();
    process.on("SIGTSTP", () => {
      this.#close();
      process.kill(process.pid, "SIGSTOP");
    });
    process.on("SIGCONT", () => this.#open());
  }

  /** Keeps text for the terminal until it is given back; false if it can be said at once. */
  holds(text: string): boolean {
    if (this.#input === undefined || !process.stderr.isTTY) return false;
    this.#held = (this.#held + text).slice(0, MAX_HELD);
    return true;
  }

  /** Gives the terminal back; what was held is to be said then. Safe to call twice and from an exit handler. */
  restore(): string {
    this.#close();
    const held = this.#held;
    this.#held = "";
    return held;
  }

  #open(): void {
    if (this.#input !== undefined) return;
    const { stdin, stdout } = process;
    stdin.setRawMode(true);
    this.#screen.enter();
    this.#input = new TerminalInput(stdin, (press) => this.#key(press));
    stdin.resume();
    stdout.on("resize", this.#look);
    this.#timer = setInterval(this.#look, LOOK_MS);
    this.#look();
  }

  #close(): void {
    if (this.#input === undefined) return;
    const { stdin, stdout } = process;
    this.#input.close();
    this.#input = undefined;
    clearInterval(this.#timer);
    stdout.off("resize", this.#look);
    this.#screen.leave();
    stdin.setRawMode(false);
    stdin.pause();
  }

  readonly #look = (): void => {
    const { columns, rows } = process.stdout;
    const size = columns > 0 && rows > 0 ? { columns, rows } : USUAL_SIZE;
    const frame = this.#shown?.frame(size.columns, size.rows);
    if (frame !== undefined) this.#screen.show(frame);
    this.#typed?.feed();
    const { stdin } = process;
    if (this.#typed?.full) stdin.pause();
    else if (stdin.isPaused()) stdin.resume();
  };

  #key(press: Keypress): void {
    const digit = press.code === undefined && press.meta ? press.sequence.slice(1) : "";
    if (digit.length !== 1 || !"123456789".includes(digit)) {
      this.#shown?.key(press);
      return;
    }
    const wanted = this.#consoles[Number(digit) - 1];
    if (wanted === undefined) return;
    this.#shown = wanted;
    this.#look();
  }
}

/** The screen of the guest, with its keyboard. */
function guestConsole(display: Display, typed: TypedInput): Console {
  const screen = new GuestScreen();
  return {
    frame: (columns, rows) => screen.frame(display.text() ?? display.mode(), columns, rows),
    key: (press) => typed.press(keysTyped(press)),
  };
}
