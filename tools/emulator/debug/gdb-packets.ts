// Frames of gdb's remote serial protocol (GDB manual, appendix E.1): $ body # checksum, acknowledgements, the
// interrupt byte, and the ways to write bytes as text. Bodies are strings of one character a byte.

const DOLLAR = 0x24;
const HASH = 0x23;
const ESCAPE = 0x7d;
const INTERRUPT = 3;
const MAX_PENDING = 0x10000;

/** Bytes of a string of Latin-1 characters. */
export function bytesOfText(text: string): Uint8Array {
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}

export function hex(bytes: Uint8Array): string {
  let text = "";
  for (const b of bytes) text += b.toString(16).padStart(2, "0");
  return text;
}

/** The bytes of pairs of hexadecimal digits, up to the first that is none. */
export function unhex(text: string): Uint8Array {
  const pairs = /^(?:[0-9a-f]{2})*/i.exec(text)?.[0] ?? "";
  return Uint8Array.from({ length: pairs.length / 2 }, (_, i) =>
    Number.parseInt(pairs.slice(2 * i, 2 * i + 2), 16),
  );
}

/** What arrives from a debugger. */
export type Item = { kind: "packet"; body: string } | { kind: "bad" } | { kind: "interrupt" };

/** Splits what arrives into packets and interrupts; acknowledgements are passed over. */
export class PacketReader {
  #pending: number[] = [];

  *feed(data: Uint8Array): Generator<Item> {
    for (const byte of data) this.#pending.push(byte);
    for (;;) {
      const start = this.#pending.findIndex((b) => b === INTERRUPT || b === DOLLAR);
      if (start < 0) {
        this.#pending = [];
        return;
      }
      if (this.#pending[start] === INTERRUPT) {
        this.#pending.splice(0, start + 1);
        yield { kind: "interrupt" };
        continue;
      }
      const end = this.#pending.indexOf(HASH, start);
      if (end < 0 || this.#pending.length < end + 3) {
        // What is longer than any packet is none.
        this.#pending.splice(0, this.#pending.length > MAX_PENDING ? this.#pending.length : start);
        return;
      }
      const raw = this.#pending.slice(start + 1, end);
      const given = Number.parseInt(
        String.fromCharCode(...this.#pending.slice(end + 1, end + 3)),
        16,
      );
      this.#pending.splice(0, end + 3);
      const sum = raw.reduce((s, b) => s + b, 0) & 0xff;
      yield sum === given ? { kind: "packet", body: unescaped(raw) } : { kind: "bad" };
    }
  }
}

/** "}" escapes the next byte, which is sent with bit 5 flipped. */
function unescaped(raw: readonly number[]): string {
  let out = "";
  for (let i = 0; i < raw.length; i++) {
    const byte = raw[i] === ESCAPE ? (raw[++i] ?? 0) ^ 0x20 : (raw[i] as number);
    out += String.fromCharCode(byte);
  }
  return out;
}

/** The frame of a reply. */
export function frame(body: string): Uint8Array {
  const escaped = body.replace(/[}#$*]/g, (c) => `}${String.fromCharCode(c.charCodeAt(0) ^ 0x20)}`);
  let sum = 0;
  for (let i = 0; i < escaped.length; i++) sum = (sum + escaped.charCodeAt(i)) & 0xff;
  return bytesOfText(`$${escaped}#${sum.toString(16).padStart(2, "0")}`);
}
