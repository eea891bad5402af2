// Expressions of the monitor, with QEMU's operators and their order: * / % before & | ^ before + -, each from left to
// right, on signed numbers of 64 bits. Numbers are written as in C; beside QEMU's registers every name of the CPU's
// and the kernel's symbols are known.

/** What a name stands for: "$eax" for registers, others are symbols. Undefined if there is no such thing. */
export type Lookup = (name: string) => bigint | undefined;

/** What is wrong with an expression. One line. */
export class ExpressionError extends Error {
  override name = "ExpressionError";
}

const LEVELS: readonly string[] = ["+-", "&|^", "*/%"];
/** Parentheses and signs within each other: more are no work of a person. */
const MAX_DEPTH = 200;

const signed = (value: bigint): bigint => BigInt.asIntN(64, value);

function apply(operator: string, a: bigint, b: bigint): bigint {
  switch (operator) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "&":
      return a & b;
    case "|":
      return a | b;
    case "^":
      return a ^ b;
    case "*":
      return a * b;
    default:
      if (b === 0n) throw new ExpressionError("division by zero");
      return operator === "/" ? a / b : a % b;
  }
}

class Parser {
  readonly #text: string;
  readonly #lookup: Lookup;
  #at: number;

  constructor(text: string, at: number, lookup: Lookup) {
    this.#text = text;
    this.#at = at;
    this.#lookup = lookup;
    this.#blanks();
  }

  get at(): number {
    return this.#at;
  }

  #blanks(): void {
    while (/\s/.test(this.#text[this.#at] ?? "")) this.#at++;
  }

  /** A regular expression at this place, with what it matched skipped. */
  #take(pattern: RegExp): string | undefined {
    const match = pattern.exec(this.#text.slice(this.#at))?.[0];
    if (match === undefined) return undefined;
    this.#at += match.length;
    this.#blanks();
    return match;
  }

  binary(level: number, depth: number): bigint {
    const operators = LEVELS[level];
    if (operators === undefined) return this.#unary(depth);
    let value = this.binary(level + 1, depth);
    for (;;) {
      const operator = this.#text[this.#at] ?? "";
      if (operator === "" || !operators.includes(operator)) return value;
      this.#at++;
      this.#blanks();
      value = signed(apply(operator, value, this.binary(level + 1, depth)));
    }
  }

  #unary(depth: number): bigint {
    if (depth > MAX_DEPTH) throw new ExpressionError("the expression is nested too deeply");
    const c = this.#text[this.#at];
    switch (c) {
      case undefined:
        throw new ExpressionError("unexpected end of expression");
      case "+":
      case "-":
      case "~": {
        this.#at++;
        this.#blanks();
        const value = this.#unary(depth + 1);
        return signed(c === "+" ? value : c === "-" ? -value : ~value);
      }
      case "(": {
        this.#at++;
        this.#blanks();
        const value = this.binary(0, depth + 1);
        if (this.#take(/^\)/) === undefined) throw new ExpressionError("')' expected");
        return value;
      }
      case "'": {
        const quoted = this.#take(/^'[\x20-\x7e]'/);
        if (quoted === undefined) throw new ExpressionError("character constant expected");
        return BigInt(quoted.charCodeAt(1));
      }
      default:
        return this.#operand();
    }
  }

  #operand(): bigint {
    const number = this.#take(/^(0x[0-9a-f]+|\d+)/i);
    if (number !== undefined) {
      const octal = /^0\d/.test(number);
      if (octal && !/^[0-7]+$/.test(number)) {
        throw new ExpressionError(`${number}: a number that begins with 0 is octal`);
      }
      const value = BigInt(octal ? `0o${number.slice(1)}` : number);
      if (value > 0xffff_ffff_ffff_ffffn) throw new ExpressionError("number too large");
      return signed(value);
    }
    const register = this.#take(/^\$[\w.]+/);
    if (register !== undefined) {
      const value = this.#lookup(register);
      if (value === undefined) throw new ExpressionError(`unknown register ${register}`);
      return signed(value);
    }
    const name = this.#take(/^[A-Za-z_.][\w.$@]*/);
    if (name !== undefined) {
      const value = this.#lookup(name);
      if (value === undefined) throw new ExpressionError(`there is no symbol ${name}`);
      return signed(value);
    }
    throw new ExpressionError(`invalid char '${this.#text[this.#at]}' in expression`);
  }
}

/** Reads the expression at `at` as far as it goes. Throws `ExpressionError`. */
export function expression(
  text: string,
  at: number,
  lookup: Lookup,
): { value: bigint; end: number } {
  const parser = new Parser(text, at, lookup);
  const value = parser.binary(0, 0);
  return { value, end: parser.at };
}
