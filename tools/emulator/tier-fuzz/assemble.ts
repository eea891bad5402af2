// From a program to bytes in memory: code of its functions, the table of instruction lengths for the handlers, jump
// tables and counters, data. Every statement becomes code by itself: what is left of a program that the shrinker has
// cut stays valid.

import { Decoder } from "iced-x86";
import * as r from "../../asm/index.ts";
import { Random } from "../cputest/random.ts";
import {
  BASED_CODE16,
  type Chunk,
  CODE_FRAMES,
  CODE_SIZE,
  DATA_FRAME_COUNT,
  DATA_FRAMES,
  type Environment,
  entryAddress,
  environmentOf,
  HANDLERS,
  LENGTHS,
  LOCALS_PAGE,
  NO_CODE,
  type OtherCode,
  REAL_CODE,
  RECORDS,
  systemChunks,
} from "./environment.ts";
import { END_VECTOR, emptyRecords, handlersOf, TIMER_SETUP_VECTOR } from "./handlers.ts";
import { bodiesOf, type Operation, type Program, type Statement } from "./program.ts";
import type { Sweep, SweepAccess } from "./sweeps.ts";
import { emitSystemAction } from "./system-actions.ts";

const CONDITIONS = [
  ...["jo", "jno", "jb", "jae", "je", "jne", "jbe", "ja"],
  ...["js", "jns", "jp", "jnp", "jl", "jge", "jle", "jg"],
] as const;
const WORDS = [r.ax, r.cx, r.dx, r.bx, r.sp, r.bp, r.si, r.di];
const DOUBLES = [r.eax, r.ecx, r.edx, r.ebx, r.esp, r.ebp, r.esi, r.edi];
const QUADS = [
  ...[r.rax, r.rcx, r.rdx, r.rbx, r.rsp, r.rbp, r.rsi, r.rdi],
  ...[r.r8, r.r9, r.r10, r.r11, r.r12, r.r13, r.r14, r.r15],
];
/** Loops keep their counters here in 64-bit code, by depth: the pool has no instruction that writes them. */
const COUNTERS = [r.r12, r.r13, r.r14];
/** Bytes of a variable in the page of locals. */
const SLOT = 8;
const MOST_SLOTS = 4096 / SLOT;

/** A program that cannot be made into code: it is too long. */
export class TooLong extends Error {}

export interface Built {
  environment: Environment;
  chunks: Chunk[];
  /** RIP of each CPU's first instruction. */
  entries: number[];
  code: Uint8Array;
}

const siteLabel = (site: number): string => `site_${site}`;

/** The branch that is taken when a condition (0–15, as encoded) does not hold. */
const jumpUnless = (condition: number): (typeof CONDITIONS)[number] =>
  CONDITIONS[(condition ^ 1) & 15] as (typeof CONDITIONS)[number];

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));

/** Where the code of one program is made. */
export class CodeWriter {
  readonly a: r.Assembler;
  readonly environment: Environment;
  /** General registers as wide as the mode's. */
  readonly registers: readonly r.Reg[];
  readonly #program: Program;
  /** Offset of the page of locals behind DS. */
  readonly #locals: number;
  readonly #slots: (bigint | string)[] = [];
  readonly #relative: { label: string; operation: Operation }[] = [];
  /** Offsets in far jumps: where, how wide, what they reach. */
  readonly #far: { at: string; width: 2 | 4; target: string; shift: number }[] = [];
  /** Code of another size, from label to label. */
  readonly #stretches: { from: string; to: string; bits: 16 | 32 | 64 }[] = [];
  readonly #sites = new Map<number, string[]>();
  #fresh = 0;
  #depth = 0;
  #function = 0;

  constructor(program: Program, environment: Environment) {
    this.#program = program;
    this.environment = environment;
    this.a = new r.Assembler({ bits: environment.bits, name: "program" });
    this.registers = { 16: WORDS, 32: DOUBLES, 64: QUADS }[environment.bits];
    this.#locals = environment.data + LOCALS_PAGE * 4096 - environment.bases.ds;
    const find = (list: readonly Statement[]): void => {
      for (const s of list) {
        if (s.kind === "site") {
          this.#sites.set(s.site, s.encodings);
        }
        for (const body of bodiesOf(s)) find(body);
      }
    };
    for (const body of program.functions) find(body);
  }

  /** Bytes of a near pointer. */
  get width(): 2 | 4 | 8 {
    return (this.environment.bits / 8) as 2 | 4 | 8;
  }

  /** A variable with a first value, or so many in a row with the addresses of labels. */
  variable(...values: (bigint | string)[]): number {
    const at = this.#locals + this.#slots.length * SLOT;
    this.#slots.push(...values);
    if (this.#slots.length > MOST_SLOTS) throw new TooLong("too many variables");
    return at;
  }

  /** Memory as wide as a near pointer. */
  memory(offset: number): r.Memory {
    return (this.width === 8 ? r.qword : this.width === 4 ? r.dword : r.word)(offset);
  }

  /** Code of everything: the program's end, entries of the CPUs, functions. */
  write(): { code: Uint8Array; entries: number[]; locals: Uint8Array; lengths: Uint8Array } {
    const { a, environment } = this;
    const program = this.#program;
    a.label("end");
    a.int(END_VECTOR).jmp("end");
    for (const [cpu, entry] of program.entries.entries()) {
      a.label(`cpu_${cpu}`);
      a.fninit();
      if (program.timer > 0) a.int(TIMER_SETUP_VECTOR);
      a.call(`function_${entry % program.functions.length}`).jmp("end");
    }
    for (const [index, body] of program.functions.entries()) {
      this.#function = index;
      a.align(16, 0x90);
      a.label(`function_${index}`);
      this.#list(body);
      a.ret();
    }
    const origin = environment.code - environment.bases.cs;
    const { bytes, map } = a.flat({ origin });
    if (bytes.length > CODE_SIZE) throw new TooLong(`${bytes.length} bytes of code`);
    const address = (label: string): number => Number(map.get(label) as bigint);
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    for (const { label, operation } of this.#relative) {
      const { at, target } = operation.relative as { at: number; target: number };
      const from = address(label);
      view.setInt32(from - origin + at, target - (from + operation.bytes.length / 2), true);
    }
    for (const { at, width, target, shift } of this.#far) {
      const offset = address(target) + shift;
      if (width === 2) view.setUint16(address(at) - origin, offset, true);
      else view.setUint32(address(at) - origin, offset, true);
    }
    const lengths = new Uint8Array(bytes.length);
    let done = 0;
    for (const { from, to, bits } of this.#stretches) {
      const [first, end] = [address(from) - origin, address(to) - origin];
      noteLengths(lengths, bytes, done, first, environment.bits);
      noteLengths(lengths, bytes, first, end, bits);
      done = end;
    }
    noteLengths(lengths, bytes, done, bytes.length, environment.bits);
    const locals = new DataView(new ArrayBuffer(4096));
    for (const [i, value] of this.#slots.entries()) {
      const content = typeof value === "string" ? BigInt(address(value)) : value;
      locals.setBigUint64(i * SLOT, BigInt.asUintN(64, content), true);
    }
    return {
      code: bytes,
      entries: program.entries.map((_, cpu) => address(`cpu_${cpu}`)),
      locals: new Uint8Array(locals.buffer),
      lengths,
    };
  }

  #list(list: readonly Statement[]): void {
    for (const statement of list) this.#statement(statement);
  }

  #statement(s: Statement): void {
    const { a } = this;
    switch (s.kind) {
      case "op":
        this.#operation(s);
        break;
      case "string":
        if (s.down) a.std();
        this.#operation(s);
        if (s.down) a.cld();
        break;
      case "loop":
        this.#loop(s);
        break;
      case "sweep":
        this.#sweep(s);
        break;
      case "if": {
        const end = this.fresh("if");
        const otherwise = `${end}_else`;
        a.instruction(jumpUnless(s.condition), otherwise);
        this.#list(s.taken);
        if (s.otherwise.length > 0) a.jmp(end);
        a.label(otherwise);
        this.#list(s.otherwise);
        a.label(end);
        break;
      }
      case "call":
        this.#call(s);
        break;
      case "switch":
        this.#switch(s);
        break;
      case "jump": {
        const past = this.fresh("past");
        a.instruction(jumpUnless(s.condition), past);
        a.dec(r.word(this.variable(BigInt(s.fuel)))).js(past);
        if (this.#places().has(s.place)) a.jmp(`place_${this.#function}_${s.place}`);
        a.label(past);
        break;
      }
      case "place":
        a.label(`place_${this.#function}_${s.place}`);
        break;
      case "return":
        this.#return(s.how);
        break;
      case "site":
        a.label(siteLabel(s.site));
        a.db(bytesOf(s.encodings[0] as string));
        break;
      case "patch":
        this.#patch(s);
        break;
      case "save": {
        const registers = s.registers.map((n) => this.registers[n % 8] as r.Reg);
        for (const register of registers) a.push(register);
        this.#list(s.body);
        for (const register of registers.reverse()) a.pop(register);
        break;
      }
      case "map":
        this.#map(s);
        break;
      case "far":
        this.#farTransfer(s);
        break;
      case "system":
        emitSystemAction(this, s.action);
        break;
    }
  }

  readonly #placesOf = new Map<number, Set<number>>();

  /** A label that no other has. */
  fresh(name: string): string {
    return `${name}_${this.#fresh++}`;
  }

  /** Places of the function that is written. */
  #places(): Set<number> {
    let found = this.#placesOf.get(this.#function);
    if (found === undefined) {
      found = new Set();
      const find = (list: readonly Statement[]): void => {
        for (const s of list) {
          if (s.kind === "place") found?.add(s.place);
          for (const body of bodiesOf(s)) find(body);
        }
      };
      find(this.#program.functions[this.#function] as Statement[]);
      this.#placesOf.set(this.#function, found);
    }
    return found;
  }

  #operation(operation: Operation): void {
    const { a, environment } = this;
    const wide = environment.bits === 64;
    for (const { register, value, stride } of operation.loads) {
      const to = (wide ? QUADS : DOUBLES)[register % (wide ? 16 : 8)] as r.Reg;
      const content = BigInt(`0x${value}`);
      if (stride === undefined) {
        a.mov(to, wide ? BigInt.asIntN(64, content) : BigInt.asUintN(32, content));
        continue;
      }
      const variable = (wide ? r.qword : r.dword)(this.variable(content));
      a.mov(to, variable).add(variable, stride);
    }
    if (operation.relative !== undefined) {
      this.#relative.push({ label: a.label(this.fresh("relative")), operation });
    }
    a.db(bytesOf(operation.bytes));
  }

  #loop(s: Statement & { kind: "loop" }): void {
    const { a } = this;
    const again = this.fresh("loop");
    const register = this.environment.bits === 64 ? COUNTERS[this.#depth] : undefined;
    this.#depth++;
    if (s.counter === "cx") {
      const cx = this.registers[1] as r.Reg;
      a.mov(cx, s.count);
      a.label(again);
      a.push(cx);
      this.#list(s.body);
      // LOOP reaches 127 bytes.
      a.pop(cx).loop(`${again}_on`).jmp(`${again}_end`);
      a.label(`${again}_on`);
      a.jmp(again);
      a.label(`${again}_end`);
    } else if (s.counter === "register" && register !== undefined) {
      a.mov(register, s.count);
      a.label(again);
      this.#list(s.body);
      a.dec(register).jnz(again);
    } else {
      const counter = this.memory(this.variable(0n));
      a.mov(counter, s.count);
      a.label(again);
      this.#list(s.body);
      a.dec(counter).jnz(again);
    }
    this.#depth--;
  }

  #sweep(s: Sweep): void {
    const { a, environment } = this;
    const { bits } = environment;
    const [wide, narrow] = [this.registers, bits === 64 ? DOUBLES : this.registers];
    const [counter, index] = [wide[1] as r.Reg, 2];
    if (s.mxcsr !== undefined) a.ldmxcsr(r.dword(this.variable(BigInt(s.mxcsr))));
    for (const [n, { value }] of s.pointers.entries()) {
      const content = BigInt.asUintN(bits === 64 ? 63 : bits, BigInt(`0x${value}`));
      a.mov(wide[SWEEP_POINTERS[n] as number] as r.Reg, content);
    }
    const again = this.fresh("sweep");
    a.xor(wide[index] as r.Reg, wide[index] as r.Reg).mov(counter, s.count);
    a.label(again);
    for (const access of s.accesses) a.db(sweepAccess(access, bits));
    const moved = s.wide ? wide : narrow;
    for (const [n, { step }] of s.pointers.entries())
      a.add(moved[SWEEP_POINTERS[n] as number] as r.Reg, step);
    a.add(moved[index] as r.Reg, s.step);
    a.dec(counter).jnz(again);
  }

  #call(s: Statement & { kind: "call" }): void {
    const { a } = this;
    const target = `function_${s.target % this.#program.functions.length}`;
    const past = this.fresh("past");
    if (s.fuel !== undefined) a.dec(r.word(this.variable(BigInt(s.fuel)))).js(past);
    const ax = this.registers[0] as r.Reg;
    if (s.how === "direct") a.call(target);
    else if (s.how === "register") a.mov(ax, target).call(ax);
    else a.call(this.memory(this.variable(target)));
    if (s.fuel !== undefined) a.label(past);
  }

  #switch(s: Statement & { kind: "switch" }): void {
    const { a, environment } = this;
    const name = this.fresh("case");
    const table = this.variable(...s.cases.map((_, i) => `${name}_${i}`));
    const source = this.registers[s.register % this.registers.length] as r.Reg;
    if (environment.bits === 16) a.movzx(r.eax, source);
    else a.mov(this.registers[0] as r.Reg, source);
    a.and(r.eax, s.cases.length - 1);
    const index = environment.bits === 64 ? r.rax : r.eax;
    const memory = { disp: table, index, scale: SLOT } as const;
    a.jmp(
      environment.bits === 16
        ? r.word(memory)
        : this.width === 8
          ? r.qword(memory)
          : r.dword(memory),
    );
    for (const [i, body] of s.cases.entries()) {
      a.label(`${name}_${i}`);
      this.#list(body);
      if (i < s.cases.length - 1) a.jmp(`${name}_end`);
    }
    a.label(`${name}_end`);
  }

  #farTransfer({ to, body }: Statement & { kind: "far" }): void {
    const { a, environment } = this;
    const { other, mode } = environment;
    const operations = (): void => {
      for (const operation of body) a.db(bytesOf(operation.bytes));
    };
    const [there, back] = [this.fresh("there"), this.fresh("back")];
    if (to === "same") {
      const { selector } = environment.segments.cs;
      a.push(selector).call(there).jmp(back);
      a.label(there);
      operations();
      if (environment.bits === 64) a.db(0x48);
      a.db(0xcb).label(back);
      return;
    }
    if (other === undefined) return;
    const own = mode === "real" ? BASED_CODE16 : environment.segments.cs.selector;
    if (mode === "real") a.cli().mov(r.eax, r.cr0).or(r.al, 1).mov(r.cr0, r.eax);
    this.#farJump(environment.bits, other, there);
    this.#stretches.push({ from: a.label(there), to: this.fresh("stretch"), bits: other.bits });
    operations();
    this.#farJump(other.bits, { bits: environment.bits, selector: own, shift: 0 }, back);
    a.label((this.#stretches.at(-1) as { to: string }).to);
    a.label(back);
    if (mode !== "real") return;
    const real = this.fresh("real");
    a.mov(r.eax, r.cr0).and(r.al, 0xfe).mov(r.cr0, r.eax);
    this.#farJump(16, { bits: 16, selector: REAL_CODE, shift: 0 }, real);
    a.label(real);
    a.sti();
  }

  /** A jump from code of one size to a label in another segment: RETF in 64-bit code, which has no direct form. */
  #farJump(from: 16 | 32 | 64, { bits, selector, shift }: OtherCode, target: string): void {
    const { a } = this;
    const at = this.fresh("offset");
    const offset = (width: 2 | 4): void => {
      this.#far.push({ at: a.label(at), width, target, shift });
      a.db(...new Array<number>(width).fill(0));
    };
    if (from === 64) {
      a.db(0x6a, selector, 0x68);
      offset(4);
      a.db(0x48, 0xcb);
      return;
    }
    const wide = bits !== 16 || from !== 16;
    if (from === 16 && wide) a.db(0x66);
    a.db(0xea);
    offset(wide ? 4 : 2);
    a.db(selector & 0xff, selector >>> 8);
  }

  #return(how: (Statement & { kind: "return" })["how"]): void {
    const { a, width } = this;
    const [ax, , , , sp] = this.registers as [r.Reg, r.Reg, r.Reg, r.Reg, r.Reg];
    switch (how) {
      case "plain":
        a.ret();
        break;
      case "jump":
        a.pop(ax).jmp(ax);
        break;
      case "drop":
        a.pop(ax)
          .push(ax)
          .push(ax)
          .push(ax)
          .ret(2 * width);
        break;
      case "skip":
        a.add(sp, width).ret();
        break;
      case "push": {
        const on = this.fresh("on");
        a.mov(ax, on).push(ax).ret();
        a.label(on);
        break;
      }
    }
  }

  #patch(s: Statement & { kind: "patch" }): void {
    const { a, environment } = this;
    const encodings = this.#sites.get(s.site);
    if (encodings === undefined) return;
    const bytes = bytesOf(encodings[s.encoding % encodings.length] as string);
    // FS is flat: offsets behind CS become linear addresses.
    const to = s.alias ? environment.codeAlias - environment.code : 0;
    for (let at = 0; at < bytes.length; ) {
      const width = bytes.length - at >= s.width ? s.width : 1;
      const memory = { 1: r.byte, 2: r.word, 4: r.dword }[width];
      let value = 0;
      for (let i = width - 1; i >= 0; i--) value = value * 256 + (bytes[at + i] as number);
      const target = r.sym(siteLabel(s.site), environment.bases.cs + to + at);
      if (environment.bits === 16) {
        // An address of 32 bits needs a register.
        a.mov(r.eax, target).mov(memory(r.eax, { segment: r.fs }), value);
      } else a.mov(memory({ disp: target, segment: r.fs }), value);
      at += width;
    }
  }

  #map(s: Statement & { kind: "map" }): void {
    const { a, environment } = this;
    if (environment.paging === undefined) return;
    const flat = { segment: r.fs };
    a.mov(r.dword({ disp: entryAddress(environment, s.page), ...flat }), s.frame | s.flags);
    if (s.by === "cr3") {
      const ax = this.registers[0] as r.Reg;
      a.mov(ax, r.cr3).mov(r.cr3, ax);
    } else a.invlpg(r.mem(environment.data + s.page * 4096));
  }
}

/** Registers of a sweep's pointers: BX, SI, DI. */
const SWEEP_POINTERS = [3, 6, 7];

/** An access of a sweep: ModRM with 8 bits of displacement, by a pointer and perhaps DX. */
function sweepAccess(
  { bytes, register, pointer, displacement, indexed }: SweepAccess,
  bits: 16 | 32 | 64,
): Uint8Array {
  const base = SWEEP_POINTERS[pointer % SWEEP_POINTERS.length] as number;
  const operand = (rm: number): number => 0x40 | (register << 3) | rm;
  const opcode = bytesOf(bytes);
  // 16-bit addresses have no DX.
  if (bits === 16)
    return Uint8Array.of(...opcode, operand({ 3: 7, 6: 4, 7: 5 }[base] as number), displacement);
  if (!indexed) return Uint8Array.of(...opcode, operand(base), displacement);
  return Uint8Array.of(...opcode, operand(4), (2 << 3) | base, displacement);
}

/** Notes the lengths of the instructions from `from` to `to` at their first bytes. */
function noteLengths(
  lengths: Uint8Array,
  code: Uint8Array,
  from: number,
  to: number,
  bits: 16 | 32 | 64,
): void {
  const decoder = new Decoder(bits, code.subarray(from, to), 0);
  while (decoder.canDecode) {
    const at = decoder.position;
    decoder.decode().free();
    lengths[from + at] = decoder.position - at;
  }
  decoder.free();
}

/** Data of the frames: small numbers, floating-point values and noise. */
function dataOf(seed: number): Uint8Array {
  const random = new Random(seed, 1);
  const bytes = new Uint8Array(DATA_FRAME_COUNT * 4096);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < 0x3000; at += 8) {
    switch (random.below(4)) {
      case 0:
        view.setBigUint64(at, random.integer(), true);
        break;
      case 1:
        view.setBigUint64(at, random.float64(), true);
        break;
      case 2:
        view.setUint32(at, random.float32(), true);
        view.setUint32(at + 4, random.float32(), true);
        break;
      default:
        random.fill(bytes, at, at + 8);
    }
  }
  return bytes;
}

/** Code and memory of a program. Throws `TooLong`. */
export function assemble(program: Program): Built {
  const environment = environmentOf(program.mode);
  const { code, entries, locals, lengths } = new CodeWriter(program, environment).write();
  const handlers = handlersOf(environment);
  const data = dataOf(program.data);
  // Without paging a page of the window is the frame of its number; with it the last page has a frame of its own.
  const frame = environment.paging === undefined ? LOCALS_PAGE : 0xa;
  data.set(locals, frame * 4096);
  const filled = new Uint8Array(CODE_SIZE).fill(NO_CODE);
  filled.set(code);
  return {
    environment,
    entries,
    code,
    chunks: [
      ...systemChunks(environment, handlers.handler),
      { address: HANDLERS, bytes: handlers.bytes },
      { address: RECORDS, bytes: emptyRecords(environment, entries.length, program.timer) },
      { address: LENGTHS, bytes: lengths },
      { address: CODE_FRAMES, bytes: filled },
      { address: DATA_FRAMES, bytes: data },
    ],
  };
}
