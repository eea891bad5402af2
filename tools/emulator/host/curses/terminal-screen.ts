// A character terminal as a place to show frames: only cells that differ from what it shows are written, with the
// control sequences of ECMA-48 and those of xterm that every terminal of today has (DEC private modes 7, 25, 1049).

/** What is to be seen: cells row by row, each with its text and its SGR parameters. */
export interface Frame {
  columns: number;
  rows: number;
  /** A character, or nothing where the one before it is two cells wide. */
  texts: readonly string[];
  styles: readonly string[];
  /** Where the cursor shows; undefined hides it. */
  cursor?: { column: number; row: number };
}

/** SGR parameters of a terminal's own colours. */
export const PLAIN = "0";

/** Alternate screen, no wrapping at the last column, nothing shown. */
const ENTER = "\x1b[?1049h\x1b[?7l\x1b[?25l\x1b[0m\x1b[2J\x1b[H";
const LEAVE = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l";
/** Forgets what the terminal shows after its size has changed. */
const CLEAR = "\x1b[0m\x1b[2J";

/** Characters of one cell in every terminal; of others some have other ideas, and the place is then said anew. */
const NARROW = /^[\x20-\x7e\u00a0-\u00ff\u2500-\u259f]$/;

const at = (column: number, row: number): string => `\x1b[${row + 1};${column + 1}H`;

export class TerminalScreen {
  readonly #write: (text: string) => void;
  #columns = 0;
  #rows = 0;
  #texts: string[] = [];
  #styles: string[] = [];
  /** Where the terminal shows its cursor; undefined while it is hidden. */
  #cursor: { column: number; row: number } | undefined;
  #style = PLAIN;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  /** Takes the terminal over. */
  enter(): void {
    this.#write(ENTER);
    this.#forget(0, 0);
  }

  /** Gives it back as it was. */
  leave(): void {
    this.#write(LEAVE);
  }

  #forget(columns: number, rows: number): void {
    this.#columns = columns;
    this.#rows = rows;
    this.#texts = new Array(columns * rows).fill(" ");
    this.#styles = new Array(columns * rows).fill(PLAIN);
    this.#style = PLAIN;
    this.#cursor = undefined;
  }

  /** Shows a frame of the terminal's present size. */
  show(frame: Frame): void {
    const { columns, rows, cursor } = frame;
    let out = "";
    if (columns !== this.#columns || rows !== this.#rows) {
      out += `${this.#cursor === undefined ? "" : "\x1b[?25l"}${CLEAR}`;
      this.#forget(columns, rows);
    }
    const cells = this.#changedCells(frame);
    if (cells !== "" && this.#cursor !== undefined) {
      out += "\x1b[?25l";
      this.#cursor = undefined;
    }
    out += cells;
    const before = this.#cursor;
    if (cursor === undefined) {
      if (before !== undefined) out += "\x1b[?25l";
    } else if (before?.column !== cursor.column || before.row !== cursor.row) {
      out += at(cursor.column, cursor.row) + (before === undefined ? "\x1b[?25h" : "");
    }
    this.#cursor = cursor;
    if (out !== "") this.#write(out);
  }

  #changedCells({ texts, styles, columns, rows }: Frame): string {
    let out = "";
    for (let row = 0; row < rows; row++) {
      // The column at which the terminal would write next.
      let next = -1;
      for (let column = 0; column < columns; column++) {
        const cell = row * columns + column;
        // The second half of a wide character goes with the first.
        const isWide = column + 1 < columns && texts[cell + 1] === "";
        if (!this.#differs(texts, styles, cell) && !(isWide && this.#texts[cell + 1] !== "")) {
          continue;
        }
        const text = texts[cell] as string;
        const style = styles[cell] as string;
        this.#texts[cell] = text;
        this.#styles[cell] = style;
        if (text === "") continue;
        if (next !== column) out += at(column, row);
        if (style !== this.#style) {
          out += `\x1b[${style}m`;
          this.#style = style;
        }
        out += text;
        next = NARROW.test(text) ? column + 1 : -1;
      }
    }
    return out;
  }

  #differs(texts: readonly string[], styles: readonly string[], cell: number): boolean {
    return texts[cell] !== this.#texts[cell] || styles[cell] !== this.#styles[cell];
  }
}
