// Accesses that begin in one page and end in the next, where the page numbers of the two differ in many bits: at powers
// of two of linear addresses, and where these wrap around. Each page has its own translation (Intel SDM vol. 3A, 4.10.2),
// whatever has been accessed before.

import { expect, test } from "vitest";
import {
  type Assembler,
  byte,
  cr3,
  mem,
  qword,
  r8,
  rax,
  rbx,
  rcx,
  rdi,
  rdx,
} from "../../asm/index.ts";
import { benchKernel } from "../bench/frame.ts";
import { DATA_AREA, type Workload } from "../bench/workload.ts";
import { Machine } from "../host/machine.ts";
import type { Accel } from "../jit/accel.ts";

const TABLES = DATA_AREA;
const RESULTS = DATA_AREA + 0x80_0000;
/** Frames of a border's lower and upper page; in front of the latter lies what neither of the pages has. */
const [LOWER, UPPER] = [RESULTS + 0x1_0000, RESULTS + 0x2_0000];
/** Present, writable. */
const MAP = 3;
const LARGE_PAGE = 0x83;
const [FIRST, SECOND, OTHER] = [0x1111_1111, 0x2222_2222, 0x3333_3333];

/** First addresses of upper pages: powers of two above what is mapped to itself, the middle of the address space, 0. */
const borders = [
  ...Array.from({ length: 15 }, (_, n) => 1n << BigInt(31 + n)),
  0xffff_8000_0000_0000n + (1n << 34n),
  0n,
];

/** Page tables as bytes: the first GiB mapped to itself by large pages, and what is asked for by small ones. */
class Tables {
  readonly #words: BigUint64Array[] = [new BigUint64Array(512)];

  constructor() {
    for (let at = 0n; at < 1n << 30n; at += 1n << 21n) this.#set(at, 1, at | BigInt(LARGE_PAGE));
  }

  get bytes(): Uint8Array {
    return Buffer.concat(this.#words.map((words) => Buffer.from(words.buffer)));
  }

  map(linear: bigint, frame: number): void {
    this.#set(linear, 0, BigInt(frame + MAP));
  }

  #set(linear: bigint, level: number, entry: bigint): void {
    const index = (of: number): number => Number((linear >> BigInt(12 + 9 * of)) & 511n);
    let table = this.#words[0] as BigUint64Array;
    for (let at = 3; at > level; at--) {
      if (table[index(at)] === 0n) {
        table[index(at)] = BigInt(TABLES + 0x1000 * this.#words.length + MAP);
        this.#words.push(new BigUint64Array(512));
      }
      const below = Number((table[index(at)] as bigint) - BigInt(TABLES)) >>> 12;
      table = this.#words[below] as BigUint64Array;
    }
    table[index(level)] = entry;
  }
}

/** Reads and writes across one border after an access to the upper page alone, again and again. */
function workload(border: bigint): Workload {
  const tables = new Tables();
  const top = 1n << 64n;
  tables.map((border - 0x1000n + top) % top, LOWER);
  if (border !== 0n) tables.map(border, UPPER);
  const upper = border === 0n ? 0 : UPPER;
  return {
    name: "border",
    what: "accesses across a border of pages",
    rounds: 1,
    image: { bytes: tables.bytes, address: TABLES, entry: 0 },
    code(a: Assembler): void {
      a.mov(rax, TABLES).mov(cr3, rax);
      a.mov(rbx, border).mov(rdi, RESULTS).mov(rcx, 200);
      a.label("round");
      a.mov(qword(LOWER + 0xff8), FIRST).mov(qword(upper), SECOND);
      if (upper !== 0) a.mov(qword(upper - 8), OTHER);
      a.mov(rax, qword(rbx))
        .mov(r8, qword(rbx, { disp: -8 }))
        .mov(mem(rdi), r8);
      a.mov(rax, qword(rbx, { disp: -4 })).mov(mem(rdi, { disp: 8 }), rax);
      a.add(qword(rbx, { disp: -3 }), 0x55);
      a.mov(rax, qword(LOWER + 0xff8)).mov(mem(rdi, { disp: 16 }), rax);
      a.mov(rax, qword(upper)).mov(mem(rdi, { disp: 24 }), rax);
      a.dec(rcx).jnz("round").ret();
    },
  };
}

const accels: Accel[] = [{ kind: "interp" }, { kind: "jit", threshold: 20 }];

test.each(accels)("both pages of an access are translated, with $kind", async (accel) => {
  for (const border of borders) {
    const kernel = benchKernel(workload(border));
    const machine = await Machine.create({ kernel, memory: "32M", accel });
    machine.runSync({ nanoseconds: 1_000_000 });
    const bytes = machine.readPhysical(RESULTS, 32);
    const results = new BigUint64Array(bytes.slice().buffer);
    const changed = Buffer.alloc(16);
    changed.writeUInt32LE(FIRST, 0);
    changed.writeUInt32LE(SECOND, 8);
    changed.writeBigUInt64LE(changed.readBigUInt64LE(5) + 0x55n, 5);
    expect([border, ...results]).toEqual([
      border,
      BigInt(FIRST),
      BigInt(SECOND) << 32n,
      changed.readBigUInt64LE(0),
      changed.readBigUInt64LE(8),
    ]);
  }
});

/** Where nothing is, above 4 GiB, and the border between that and RAM. */
const NOWHERE = 2 ** 33;
const EDGE = 1n << 40n;

/** Reads of one, two and eight bytes where nothing answers, the latter into RAM; the second one as a factor. */
const absent: Workload = {
  name: "absent",
  what: "reads where nothing is",
  rounds: 1,
  image: (() => {
    const tables = new Tables();
    tables.map(EDGE - 0x1000n, NOWHERE);
    tables.map(EDGE, UPPER);
    return { bytes: tables.bytes, address: TABLES, entry: 0 };
  })(),
  code(a: Assembler): void {
    a.mov(rax, TABLES).mov(cr3, rax);
    a.mov(rbx, EDGE).mov(rdi, RESULTS).mov(rcx, 200);
    a.label("round");
    a.mov(qword(UPPER), SECOND);
    a.mov(rax, qword(rbx, { disp: -3 })).mov(mem(rdi), rax);
    a.movzx(rax, byte(rbx, { disp: -1 })).mov(mem(rdi, { disp: 8 }), rax);
    a.mov(rax, 3).mov(rdx, 0x1234_5678_9abc_def0n);
    // mul word ptr [rbx - 16]
    a.db(0x66, 0xf7, 0x63, 0xf0);
    a.mov(mem(rdi, { disp: 16 }), rax).mov(mem(rdi, { disp: 24 }), rdx);
    a.dec(rcx).jnz("round").ret();
  },
};

test.each(accels)(
  "what nobody answers is as wide as it was asked for, with $kind",
  async (accel) => {
    const machine = await Machine.create({ kernel: benchKernel(absent), memory: "32M", accel });
    machine.runSync({ nanoseconds: 1_000_000 });
    const results = [...new BigUint64Array(machine.readPhysical(RESULTS, 32).slice().buffer)];
    expect(results).toEqual([
      (BigInt(SECOND) << 24n) | 0xff_ffffn,
      0xffn,
      0xfffdn,
      0x1234_5678_9abc_0002n,
    ]);
  },
);
