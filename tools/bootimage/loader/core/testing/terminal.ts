// A terminal of 80 columns and 24 rows, as far as the loader uses one: ECMA-48's CUP, ED and SGR, line feeds and
// carriage returns; and the firmware's screen in the same form.

const COLUMNS = 80;
const ROWS = 24;

export class Grid {
  readonly #rows: string[] = Array.from({ length: ROWS }, () => "");
  x = 0;
  y = 0;
  reversed = false;
  /** Rows of which something is reversed, in the order in which that happened. */
  readonly highlighted: number[] = [];

  clear(): void {
    this.#rows.fill("");
  }

  put(code: number): void {
    if (code === 10) {
      this.x = 0;
      this.y++;
      if (this.y === ROWS) {
        this.#rows.push("");
        this.#rows.shift();
        this.y--;
      }
      return;
    }
    if (this.x === COLUMNS) {
      this.put(10);
    }
    const row = (this.#rows[this.y] as string).padEnd(COLUMNS);
    this.#rows[this.y] = row.slice(0, this.x) + String.fromCharCode(code) + row.slice(this.x + 1);
    if (this.reversed && this.highlighted.at(-1) !== this.y) this.highlighted.push(this.y);
    this.x++;
  }

  rows(): string[] {
    return this.#rows.map((row) => row.trimEnd());
  }
}

/** What a terminal shows after these bytes. */
export function terminal(bytes: string): Grid {
  const grid = new Grid();
  for (let at = 0; at < bytes.length; at++) {
    const code = bytes.charCodeAt(at);
    if (code === 13) grid.x = 0;
    else if (code === 10) {
      const { x } = grid;
      grid.put(10);
      grid.x = x;
    } else if (code === 27) {
      const match = /^\[([\d;]*)([A-Za-z])/.exec(bytes.slice(at + 1, at + 20));
      if (!match) throw new Error(`no sequence: ${JSON.stringify(bytes.slice(at, at + 20))}`);
      const numbers = (match[1] ?? "").split(";").map(Number);
      if (match[2] === "H") {
        grid.y = (numbers[0] || 1) - 1;
        grid.x = (numbers[1] || 1) - 1;
      } else if (match[2] === "J") grid.clear();
      else if (match[2] === "m") grid.reversed = numbers[0] === 7;
      else throw new Error(`unknown sequence ${match[0]}`);
      at += match[0].length;
    } else grid.put(code);
  }
  return grid;
}
