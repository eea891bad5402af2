// A line that was typed at the monitor, read from left to right as QEMU's monitor reads one: words, strings in
// quotes, expressions and formats behind a slash.

import { expression, type Lookup } from "./expression.ts";

/** What the monitor answers instead of obeying. One line. */
export class MonitorError extends Error {
  override name = "MonitorError";
}

/** The same in QEMU's words, behind "Error: " as QEMU has it there; `kind` is QMP's class. */
export class QemuError extends Error {
  override name = "QemuError";
  readonly kind: "GenericError" | "DeviceNotFound";

  constructor(message: string, kind: QemuError["kind"] = "GenericError") {
    super(message);
    this.kind = kind;
  }
}

/** How x, xp, print, i and o show values: parts that were not given are as they were the last time. */
export interface Format {
  count: number;
  /** One of "xduoci". */
  kind: string | undefined;
  /** Bytes: 1, 2, 4 or 8. */
  size: number | undefined;
}

const SIZES: Readonly<Record<string, number>> = { b: 1, h: 2, w: 4, g: 8, L: 8 };
const KINDS = "xduoci";
/** Items that one command shows at most. */
const MAX_COUNT = 65536;

const ESCAPES: Readonly<Record<string, string>> = {
  n: "\n",
  r: "\r",
  "\\": "\\",
  "'": "'",
  '"': '"',
};

export class CommandLine {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  #skipBlanks(): void {
    while (/\s/.test(this.#text[this.#at] ?? "")) this.#at++;
  }

  /** Nothing but blanks is left. */
  get atEnd(): boolean {
    this.#skipBlanks();
    return this.#at >= this.#text.length;
  }

  /** The command's name: up to a blank, or to the slash of a format. */
  name(): string {
    this.#skipBlanks();
    const match = /^[^\s/]*/.exec(this.#text.slice(this.#at))?.[0] ?? "";
    this.#at += match.length;
    return match;
  }

  /** The next word, or string in double quotes; undefined at the end of the line. Throws for a quote that does not end. */
  word(): string | undefined {
    if (this.atEnd) return undefined;
    if (this.#text[this.#at] === '"') return this.#quoted();
    const match = /^\S+/.exec(this.#text.slice(this.#at))?.[0] ?? "";
    this.#at += match.length;
    return match;
  }

  #quoted(): string {
    let out = "";
    for (let i = this.#at + 1; i < this.#text.length; i++) {
      const c = this.#text[i] as string;
      if (c === '"') {
        this.#at = i + 1;
        return out;
      }
      if (c === "\\") {
        i++;
        const escaped = ESCAPES[this.#text[i] ?? ""];
        if (escaped === undefined) {
          throw new MonitorError(
            `unsupported escape \\${this.#text[i] ?? ""}: \\n, \\r, \\\\, \\' and \\" are known`,
          );
        }
        out += escaped;
      } else {
        out += c;
      }
    }
    throw new MonitorError(`the string ${this.#text.slice(this.#at)} has no closing quote`);
  }

  /** The next word. Throws where there is none; `what` is what was expected. */
  required(what: string): string {
    const word = this.word();
    if (word === undefined) throw new MonitorError(`expected ${what}`);
    return word;
  }

  /** True, and read, if the next word is this option, such as "-a". */
  option(name: string): boolean {
    this.#skipBlanks();
    const rest = this.#text.slice(this.#at);
    if (!rest.startsWith(name) || !/^(\s|$)/.test(rest.slice(name.length))) return false;
    this.#at += name.length;
    return true;
  }

  /** A whole number, decimal or 0x…, from `minimum` to `maximum`; undefined at the end of the line. */
  number(what: string, minimum: number, maximum: number): number | undefined {
    const word = this.word();
    if (word === undefined) return undefined;
    const value = /^[-+]?(0x[0-9a-f]+|\d+)$/i.test(word)
      ? Number(word.replace(/^[-+]/, "")) * (word.startsWith("-") ? -1 : 1)
      : Number.NaN;
    if (!Number.isInteger(value) || value < minimum || value > maximum) {
      throw new MonitorError(`${word}: expected ${what}, ${minimum} to ${maximum}`);
    }
    return value;
  }

  /** /COUNTKINDSIZE, where there is one. Throws for letters that mean nothing. */
  format(): Format {
    this.#skipBlanks();
    const format: Format = { count: 1, kind: undefined, size: undefined };
    if (this.#text[this.#at] !== "/") return format;
    const text = /^\/\S*/.exec(this.#text.slice(this.#at))?.[0] ?? "/";
    this.#at += text.length;
    const digits = /^\d+/.exec(text.slice(1))?.[0] ?? "";
    if (digits !== "") format.count = Number(digits);
    if (format.count > MAX_COUNT) {
      throw new MonitorError(`${text}: at most ${MAX_COUNT} items are shown at once`);
    }
    for (const letter of text.slice(1 + digits.length)) {
      if (KINDS.includes(letter)) format.kind = letter;
      else if (Object.hasOwn(SIZES, letter)) format.size = SIZES[letter];
      else {
        throw new MonitorError(
          `invalid char in format: '${letter}'; expected /COUNT, one of ${KINDS} and one of bhwg`,
        );
      }
    }
    return format;
  }

  /** An expression, read as far as it goes; 64 bits, two's complement. Throws what is wrong with it. */
  expression(lookup: Lookup): bigint {
    const { value, end } = expression(this.#text, this.#at, lookup);
    this.#at = end;
    return value;
  }

  /** All that is left, without blanks around it. */
  rest(): string {
    const rest = this.#text.slice(this.#at).trim();
    this.#at = this.#text.length;
    return rest;
  }

  /** Throws if there is anything left. */
  end(): void {
    if (!this.atEnd) {
      throw new MonitorError(`extraneous characters at the end of line: ${this.rest()}`);
    }
  }
}
