// An encoder for the ACPI machine language that the DSDT needs (ACPI 6.4, chapter 20: grammar and byte
// values).

/** Encoded AML. */
export type Aml = Uint8Array;

const bytes = (...parts: (number | Uint8Array)[]): Aml => {
  const out: number[] = [];
  for (const p of parts) {
    if (typeof p === "number") out.push(p);
    else out.push(...p);
  }
  return Uint8Array.from(out);
};

/** PkgLength `n` (20.2.4), up to 20 bits. */
function packageLength(n: number): Aml {
  if (n < 0x40) return bytes(n);
  if (n < 0x1000) return bytes(0x40 | (n & 15), n >> 4);
  return bytes(0x80 | (n & 15), (n >> 4) & 0xff, n >> 12);
}

/** `body` behind its length, which includes the length's own bytes. */
function sized(opcode: number[], body: Aml): Aml {
  const n = body.length;
  const own = n + 1 < 0x40 ? 1 : n + 2 < 0x1000 ? 2 : 3;
  return bytes(...opcode, packageLength(n + own), body);
}

/** Segments of up to four characters, padded with underscores, joined by dots. A leading backslash is the root. */
export function name(path: string): Aml {
  const root = path.startsWith("\\");
  const segments = (root ? path.slice(1) : path).split(".").filter((s) => s !== "");
  const text = segments.map((s) => s.padEnd(4, "_")).join("");
  const n = segments.length;
  const prefix = n === 0 ? [0] : n === 1 ? [] : n === 2 ? [0x2e] : [0x2f, n];
  return bytes(...(root ? [0x5c] : []), ...prefix, new TextEncoder().encode(text));
}

/** The shortest integer encoding, up to 32 bits. */
export function integer(value: number): Aml {
  if (value === 0 || value === 1) return bytes(value);
  if (value < 0x100) return bytes(0x0a, value);
  if (value < 0x10000) return bytes(0x0b, value & 0xff, value >> 8);
  return bytes(0x0c, value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24);
}

export const string = (text: string): Aml => bytes(0x0d, new TextEncoder().encode(text), 0);

/** EISA ID such as "PNP0A08" as the integer ACPI packs it into. */
export function eisaId(id: string): Aml {
  const c = (i: number): number => id.charCodeAt(i) - 0x40;
  const vendor = (c(0) << 10) | (c(1) << 5) | c(2);
  const product = Number.parseInt(id.slice(3), 16);
  return bytes(0x0c, vendor >> 8, vendor & 0xff, product >> 8, product & 0xff);
}

export const define = (path: string, value: Aml): Aml => bytes(0x08, name(path), value);
export const packageOf = (...items: Aml[]): Aml => sized([0x12], bytes(items.length, ...items));
export const buffer = (data: Uint8Array): Aml => sized([0x11], bytes(integer(data.length), data));
export const scope = (path: string, ...body: Aml[]): Aml =>
  sized([0x10], bytes(name(path), ...body));
export const device = (path: string, ...body: Aml[]): Aml =>
  sized([0x5b, 0x82], bytes(name(path), ...body));

// ---- Methods (20.2.5)

export const method = (path: string, args: number, ...body: Aml[]): Aml =>
  sized([0x14], bytes(name(path), args, ...body));
export const arg = (n: number): Aml => bytes(0x68 + n);
export const local = (n: number): Aml => bytes(0x60 + n);
export const returns = (value: Aml): Aml => bytes(0xa4, value);
export const store = (value: Aml, target: Aml): Aml => bytes(0x70, value, target);
/** The results go nowhere but to the enclosing term. */
export const and = (a: Aml, b: Aml): Aml => bytes(0x7b, a, b, 0);
export const or = (a: Aml, b: Aml): Aml => bytes(0x7d, a, b, 0);
export const when = (condition: Aml, ...body: Aml[]): Aml =>
  sized([0xa0], bytes(condition, ...body));
/** Names 32 bits at byte `offset` of a buffer. */
export const doubleWordField = (source: Aml, offset: number, path: string): Aml =>
  bytes(0x8a, source, integer(offset), name(path));

// ---- Hardware access (20.2.5.2)

/** `length` bytes of the enclosing PCI function's configuration space from `offset`. */
export const pciConfigRegion = (path: string, offset: number, length: number): Aml =>
  bytes(0x5b, 0x80, name(path), 2, integer(offset), integer(length));
/** Fields of `region`, accessed in bytes: names of bytes in order, or numbers of bytes to skip. */
export function byteFields(region: string, fields: readonly (string | number)[]): Aml {
  const list = fields.map((f) =>
    typeof f === "number"
      ? bytes(0, packageLength(f * 8))
      : bytes(new TextEncoder().encode(f.padEnd(4, "_")), packageLength(8)),
  );
  return sized([0x5b, 0x81], bytes(name(region), 1, ...list));
}

// ---- Resource descriptors (ACPI 6.4, 6.4)

export const ioPort = (first: number, count: number): Aml =>
  bytes(0x47, 1, first & 0xff, first >> 8, first & 0xff, first >> 8, 1, count);
export const irq = (line: number): Aml => {
  const mask = 1 << line;
  return bytes(0x22, mask & 0xff, mask >> 8);
};
/** Level-triggered, active-high, shared interrupts that a device consumes: one of `lines`. */
export const interrupts = (...lines: number[]): Aml =>
  bytes(0x89, 2 + 4 * lines.length, 0, 0x09, lines.length, ...lines.flatMap((n) => [n, 0, 0, 0]));
/** Where the first line of `interrupts` is in a resource template, bytes. */
export const INTERRUPT_OFFSET = 5;
/** Fixed 32-bit memory range, read-write. */
export const memory32 = (first: number, length: number): Aml => {
  const le = (v: number): number[] => [v & 0xff, (v >>> 8) & 0xff, (v >>> 16) & 0xff, v >>> 24];
  return bytes(0x86, 9, 0, 1, ...le(first), ...le(length));
};
/** Bus numbers `first` to `last` that a host bridge produces. */
export const busRange = (first: number, last: number): Aml =>
  bytes(
    0x88,
    13,
    0,
    2,
    0x0c,
    0,
    0,
    0,
    first,
    0,
    last,
    0,
    0,
    0,
    (last - first + 1) & 0xff,
    (last - first + 1) >> 8,
  );
/** I/O ports `first` to `last` that a host bridge passes on. */
export const ioRange = (first: number, last: number): Aml => {
  const n = last - first + 1;
  return bytes(
    0x88,
    13,
    0,
    1,
    0x0c,
    3,
    0,
    0,
    first & 0xff,
    first >> 8,
    last & 0xff,
    last >> 8,
    0,
    0,
    n & 0xff,
    (n >> 8) & 0xff,
  );
};
/** Memory `first` to `last` that a host bridge passes on, uncached. */
export const memoryRange = (first: number, last: number): Aml => {
  const le = (v: number): number[] => [v & 0xff, (v >>> 8) & 0xff, (v >>> 16) & 0xff, v >>> 24];
  return bytes(
    0x87,
    23,
    0,
    0,
    0x0c,
    1,
    ...le(0),
    ...le(first),
    ...le(last),
    ...le(0),
    ...le(last - first + 1),
  );
};
/** A resource template: the descriptors and the end tag (checksum 0: not used). */
export const resources = (...items: Aml[]): Aml => buffer(bytes(...items, 0x79, 0));
