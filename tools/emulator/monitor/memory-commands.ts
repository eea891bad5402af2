// Memory and I/O ports: x, xp, print, memsave and their like, shown as QEMU's monitor shows them.

import { type Command, type MonitorContext, type WholeFormat, wholeFormat } from "./command.ts";
import { type CommandLine, MonitorError } from "./command-line.ts";
import { namesOf, REGISTER_NAMES } from "./registers.ts";

/** The longest instruction, bytes (Intel SDM vol. 2A, 2.3.11). */
const INSTRUCTION_BYTES = 15;
/** Bytes of an instruction on a line. */
const LINE_BYTES = 8;
const NARROW_LINE = 8;
const LINE = 16;
/** memsave writes at most what fits into one buffer. */
const MAX_SAVED = 2 ** 31;
/** Bytes that sum reads at once. */
const SUM_CHUNK = 65536;

const hex = (value: bigint | number, digits: number): string =>
  value.toString(16).padStart(digits, "0");

/** As C prints with %#x: a zero has no prefix. */
const cHex = (value: bigint | number): string =>
  value.toString(16) === "0" ? "0" : `0x${hex(value, 1)}`;

/** A number of `size` bytes, little endian, unsigned. */
const littleEndian = (bytes: Uint8Array): bigint =>
  bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);

/** A character as C writes it. */
function character(code: number): string {
  if (code === 10) return "'\\n'";
  if (code === 13) return "'\\r'";
  const c = String.fromCharCode(code);
  if (c === "'" || c === "\\") return `'\\${c}'`;
  return code >= 32 && code < 127 ? `'${c}'` : `'\\x${hex(code, 2)}'`;
}

/** Columns of the longest number of `size` bytes, as QEMU counts them. */
const widths: Readonly<Record<string, (size: number) => number>> = {
  o: (size) => Math.ceil((size * 8) / 3),
  x: (size) => size * 2,
  u: (size) => Math.ceil((size * 80) / 33),
  d: (size) => Math.ceil((size * 80) / 33),
};

const octal = (value: bigint): string => (value === 0n ? "0" : `0${value.toString(8)}`);

function item(kind: string, value: bigint, size: number): string {
  const width = widths[kind]?.(size) ?? 0;
  switch (kind) {
    case "o":
      return octal(value).padStart(width);
    case "u":
      return value.toString().padStart(width);
    case "d":
      // As in QEMU, only numbers of 8 bytes have a sign.
      return BigInt.asIntN(64, value).toString().padStart(width);
    case "c":
      return character(Number(value & 0xffn));
    default:
      return `0x${hex(value, width)}`;
  }
}

/** Lines of memory in a format; `read` returns less where there is none. */
function dump(
  { count, kind, size }: WholeFormat,
  start: bigint,
  read: (at: bigint, length: number) => Uint8Array,
): string {
  const lineBytes = size === 1 ? NARROW_LINE : LINE;
  // A character is a byte, whatever the size says, but the size says how many there are.
  const step = kind === "c" ? 1 : size;
  const lines: string[] = [];
  for (let done = 0; done < count * size; done += lineBytes) {
    const at = BigInt.asUintN(64, start + BigInt(done));
    const wanted = Math.min(lineBytes, count * size - done);
    const bytes = read(at, wanted);
    if (bytes.length < wanted) return [...lines, `${hex(at, 16)}: Cannot access memory`].join("\n");
    const items: string[] = [];
    for (let i = 0; i < wanted; i += step) {
      items.push(item(kind, littleEndian(bytes.subarray(i, i + step)), step));
    }
    lines.push(`${hex(at, 16)}: ${items.join(" ")}`);
  }
  return lines.join("\n");
}

const reader =
  (context: MonitorContext, physical: boolean) =>
  (at: bigint, length: number): Uint8Array => {
    const { machine } = context.control;
    if (!physical) return machine.readLinear(at, length, context.cpu);
    return at > BigInt(Number.MAX_SAFE_INTEGER)
      ? new Uint8Array(0)
      : machine.readPhysical(Number(at), length);
  };

async function instructions(
  context: MonitorContext,
  count: number,
  at: bigint,
  physical: boolean,
): Promise<string> {
  const { machine } = context.control;
  const disassemble = await machine.options.disassembler?.();
  if (disassemble === undefined) {
    throw new MonitorError("there is no disassembler here; format x shows the bytes");
  }
  const code = reader(context, physical)(at, count * INSTRUCTION_BYTES);
  const bits = machine.cpus[context.cpu]?.codeBits ?? 64;
  const symbols = machine.symbols();
  const describe = (target: bigint): string => symbols?.describe(target) ?? "";
  const decoded = disassemble(code, at, bits, count, describe, "att");
  const lines = decoded.flatMap(({ address, bytes, text }) =>
    // What is longer than a line's bytes goes on below.
    Array.from({ length: Math.ceil(bytes.length / LINE_BYTES) }, (_, i) => {
      const part = bytes.subarray(i * LINE_BYTES, (i + 1) * LINE_BYTES);
      const digits = [...part].map((byte) => hex(byte, 2)).join(" ");
      const start = `0x${hex(address + BigInt(i * LINE_BYTES), 8)}:  ${digits}`;
      return i === 0 ? `${start.padEnd(start.length - digits.length + 24)} ${text}` : start;
    }),
  );
  if (decoded.length < count) {
    lines.push(`0x${hex(at + BigInt(code.length), 8)}: unable to read memory`);
  }
  return lines.join("\n");
}

function addressOf(context: MonitorContext, line: CommandLine): bigint {
  return BigInt.asUintN(64, line.expression(namesOf(context.control.machine, context.cpu)));
}

function examine(
  context: MonitorContext,
  line: CommandLine,
  physical: boolean,
): string | Promise<string> {
  const given = line.format();
  const at = addressOf(context, line);
  line.end();
  const format = wholeFormat(context, given);
  if (format.kind === "i") return instructions(context, format.count, at, physical);
  return dump(format, at, reader(context, physical));
}

/** A value as print shows it. */
function printed(kind: string, value: bigint): string {
  const unsigned = BigInt.asUintN(64, value);
  switch (kind) {
    case "x":
      return cHex(unsigned);
    case "o":
      return octal(unsigned);
    case "u":
      return unsigned.toString();
    case "c":
      return character(Number(unsigned & 0xffff_ffffn));
    default:
      return value.toString();
  }
}

/** memsave and pmemsave. */
async function save(
  context: MonitorContext,
  line: CommandLine,
  physical: boolean,
): Promise<string> {
  const names = namesOf(context.control.machine, context.cpu);
  const at = BigInt.asUintN(64, line.expression(names));
  const size = line.expression(names);
  const path = line.required("the name of a file");
  line.end();
  if (size < 0n || size > MAX_SAVED) throw new MonitorError(`${size} bytes: expected 0 to 2 GiB`);
  const contents = reader(context, physical)(at, Number(size));
  if (contents.length < Number(size)) {
    throw new MonitorError(
      `cannot access memory at 0x${hex(at + BigInt(contents.length), 1)}: nothing is saved`,
    );
  }
  const { writeFile } = context.host;
  if (writeFile === undefined) throw new MonitorError("files cannot be written here");
  await writeFile(path, contents);
  return "";
}

/** The checksum of physical memory as BSD's sum computes it: 16 bits, turned right by one before each byte. */
function checksum(context: MonitorContext, line: CommandLine): string {
  const names = namesOf(context.control.machine, context.cpu);
  const at = BigInt.asUintN(64, line.expression(names));
  const size = line.expression(names);
  line.end();
  if (size < 0n || size > MAX_SAVED) throw new MonitorError(`${size} bytes: expected 0 to 2 GiB`);
  const read = reader(context, true);
  let sum = 0;
  for (let done = 0; done < size; done += SUM_CHUNK) {
    const wanted = Math.min(SUM_CHUNK, Number(size) - done);
    const bytes = read(at + BigInt(done), wanted);
    for (const byte of bytes) sum = (((sum >> 1) | (sum << 15)) + byte) & 0xffff;
    if (bytes.length < wanted) {
      const end = at + BigInt(done + bytes.length);
      throw new MonitorError(`cannot access memory at 0x${hex(end, 1)}`);
    }
  }
  return `${sum}`.padStart(5, "0");
}

/** A port with an access of 1, 2 or 4 bytes, for i and o. */
function port(context: MonitorContext, line: CommandLine): { size: number; at: number } {
  const size = line.format().size ?? 1;
  if (size > 4) throw new MonitorError("ports are read and written by b, h or w");
  const at = addressOf(context, line);
  if (at > 0xffffn) throw new MonitorError(`port 0x${hex(at, 1)}: expected 0 to 0xffff`);
  return { size, at: Number(at) };
}

const SIZE_LETTERS: Readonly<Record<number, string>> = { 1: "b", 2: "w", 4: "l" };

export const MEMORY_COMMANDS: readonly Command[] = [
  {
    names: ["x"],
    parameters: "/fmt addr",
    help: "virtual memory dump starting at 'addr': /COUNT, one of xduoci, one of bhwg",
    words: () => REGISTER_NAMES,
    run: (context, line) => examine(context, line, false),
  },
  {
    names: ["xp"],
    parameters: "/fmt addr",
    help: "physical memory dump starting at 'addr'",
    words: () => REGISTER_NAMES,
    run: (context, line) => examine(context, line, true),
  },
  {
    names: ["print", "p"],
    parameters: "/fmt expr",
    help: "print expression value (use $reg for CPU register access)",
    words: () => REGISTER_NAMES,
    run: (context, line) => {
      const given = line.format();
      const value = line.expression(namesOf(context.control.machine, context.cpu));
      line.end();
      return printed(wholeFormat(context, given).kind, value);
    },
  },
  {
    names: ["gva2gpa"],
    parameters: "addr",
    help: "print the guest physical address corresponding to a guest virtual address",
    run: (context, line) => {
      const at = addressOf(context, line);
      line.end();
      const { machine } = context.control;
      const physical = machine.translate(at, context.cpu);
      return physical === undefined ? "Unmapped" : `gpa: ${cHex(physical)}`;
    },
  },
  {
    names: ["memsave"],
    parameters: "addr size file",
    help: "save to disk virtual memory dump starting at 'addr' of size 'size'",
    run: (context, line) => save(context, line, false),
  },
  {
    names: ["pmemsave"],
    parameters: "addr size file",
    help: "save to disk physical memory dump starting at 'addr' of size 'size'",
    run: (context, line) => save(context, line, true),
  },
  {
    names: ["sum"],
    parameters: "addr size",
    help: "compute the checksum of a memory region, by physical addresses",
    run: checksum,
  },
  {
    names: ["i"],
    parameters: "/fmt addr",
    help: "I/O port read",
    run: (context, line) => {
      const { size, at } = port(context, line);
      line.end();
      const value = context.control.machine.board.ports.read(at, size);
      return `port${SIZE_LETTERS[size]}[0x${hex(at, 4)}] = 0x${hex(value, size * 2)}`;
    },
  },
  {
    names: ["o"],
    parameters: "/fmt addr value",
    help: "I/O port write",
    run: (context, line) => {
      const { size, at } = port(context, line);
      const value = addressOf(context, line);
      line.end();
      context.control.machine.board.ports.write(at, Number(value & 0xffff_ffffn), size);
      return "";
    },
  },
];
