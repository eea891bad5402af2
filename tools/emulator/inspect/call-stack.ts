// The call stack of a CPU without tables that describe frames: the return address of the function that executes,
// then the chain of frame pointers, and where there is none the return addresses that lie on the stack. An address
// counts as one only if a CALL stands in front of it (Intel SDM vol. 2A, CALL).

import type { CpuAccess } from "../platform/cpu-access.ts";
import type { SymbolTable } from "./symbols.ts";

const MAX_FRAMES = 24;
/** Words of the stack that are looked through. */
const SEARCHED = 128;
/** The longest CALL: prefix, opcode, ModRM, SIB, 32-bit displacement. */
const LONGEST_CALL = 8;

const ENDBR = [0xf3, 0x0f, 0x1e, 0xfa] as const;
const PUSH_RBP = 0x55;
const RET = [0xc3, 0xc2] as const;

/** A machine's memory, as a CPU sees it. */
export interface LinearMemory {
  /** Shorter where nothing is mapped. */
  readLinear(address: bigint, length: number, cpu: number): Uint8Array;
}

export interface Frame {
  /** RIP, or a return address. */
  address: bigint;
  /** Where on the stack it was found, bytes above the stack pointer; undefined for what the frames say. */
  offset?: number;
}

/** Length of ModRM, SIB and displacement of a near indirect CALL, or 0 if the bytes are none. */
function callOperand(modrm: number, sib: number, is16: boolean): number {
  if (((modrm >> 3) & 7) !== 2) return 0;
  const mod = modrm >> 6;
  const rm = modrm & 7;
  if (mod === 3) return 1;
  if (is16) return 1 + (mod === 0 ? (rm === 6 ? 2 : 0) : mod);
  const bare = mod === 0 ? (rm === 5 || (rm === 4 && (sib & 7) === 5) ? 4 : 0) : mod === 1 ? 1 : 4;
  return 1 + (rm === 4 ? 1 : 0) + bare;
}

/** True if `code` ends with a CALL. `bits` is the width of the code. */
export function endsWithCall(code: Uint8Array, bits: 16 | 32 | 64): boolean {
  const near = bits === 16 ? 3 : 5;
  const at = (back: number): number => code[code.length - back] ?? 0;
  if (code.length >= near && at(near) === 0xe8) return true;
  for (let length = 2; length <= 7 && length <= code.length; length++) {
    if (at(length) !== 0xff) continue;
    if (1 + callOperand(at(length - 1), at(length - 2), bits === 16) === length) return true;
  }
  return false;
}

class Walker {
  readonly #memory: LinearMemory;
  readonly #cpu: CpuAccess;
  readonly #symbols: SymbolTable | undefined;
  readonly #size: 2 | 4 | 8;

  constructor(memory: LinearMemory, cpu: CpuAccess, symbols: SymbolTable | undefined) {
    this.#memory = memory;
    this.#cpu = cpu;
    this.#symbols = symbols;
    this.#size = cpu.codeBits === 64 ? 8 : cpu.codeBits === 32 ? 4 : 2;
  }

  #code(at: bigint, length: number): Uint8Array {
    const { cpu, codeBits } = this.#cpu;
    const linear = codeBits === 64 ? at : BigInt.asUintN(32, this.#cpu.segment("cs").base + at);
    return this.#memory.readLinear(linear, length, cpu);
  }

  #word(at: bigint): bigint | undefined {
    const { cpu, codeBits } = this.#cpu;
    const linear = codeBits === 64 ? at : BigInt.asUintN(32, this.#cpu.segment("ss").base + at);
    const bytes = this.#memory.readLinear(linear, this.#size, cpu);
    if (bytes.length < this.#size) return undefined;
    return bytes.reduceRight((value, b) => (value << 8n) | BigInt(b), 0n);
  }

  /** The word at a place of the stack if it is a return address. */
  #returnAt(at: bigint): bigint | undefined {
    const value = this.#word(at);
    if (value === undefined || value < 2n) return undefined;
    for (let length = LONGEST_CALL; length >= 2; length--) {
      const code = this.#code(value - BigInt(length), length);
      if (code.length === length) {
        return endsWithCall(code, this.#cpu.codeBits) ? value : undefined;
      }
    }
    return undefined;
  }

  /**
   * Where the return address of the executing function is: on the stack's top until the function has pushed
   * RBP, again at its RET, and perhaps in code that nobody knows, after a wild jump say. Undefined while RBP has it.
   */
  #ownReturn(): { at: bigint; known: boolean } | undefined {
    const rip = this.#cpu.wide("rip");
    const rsp = this.#cpu.general("rsp");
    const here = this.#code(rip, 1)[0];
    const top = { at: rsp, known: true };
    if (here === undefined || RET.some((opcode) => opcode === here)) return top;
    const found = this.#symbols?.find(rip);
    if (found === undefined) return top;
    const start = rip - found.offset;
    const code = this.#code(start, ENDBR.length + 1);
    const skip = ENDBR.every((b, i) => code[i] === b) ? ENDBR.length : 0;
    if (code[skip] !== PUSH_RBP) {
      // A label in a function does not tell where that begins.
      if (found.symbol.size === 0n) return undefined;
      return found.offset === 0n ? top : { at: rsp, known: false };
    }
    const done = found.offset - BigInt(skip);
    if (done <= 0n) return top;
    // Behind PUSH RBP the old frame pointer is on top; behind MOV RBP, RSP the frame has both.
    return done === 1n ? { at: rsp + BigInt(this.#size), known: true } : undefined;
  }

  walk(): Frame[] {
    const frames: Frame[] = [{ address: this.#cpu.wide("rip") }];
    const rsp = this.#cpu.general("rsp");
    const own = this.#ownReturn();
    let chain = rsp;
    const address = own?.known ? this.#returnAt(own.at) : undefined;
    if (own !== undefined && address !== undefined) {
      frames.push({ address });
      chain = own.at;
    } else if (own !== undefined) {
      // The function has no frame: its return address is the first above what it has pushed.
      const found = this.#search(rsp, 1)[0];
      if (found !== undefined) {
        frames.push(found);
        chain = rsp + BigInt(found.offset ?? 0);
      }
    }
    const followed = this.#follow(this.#cpu.general("rbp"), chain);
    if (followed.length > 0) return [...frames, ...followed].slice(0, MAX_FRAMES);
    const from = frames.length > 1 ? chain + BigInt(this.#size) : rsp;
    return [...frames, ...this.#search(from, MAX_FRAMES - frames.length)];
  }

  /** Return addresses along the chain of frame pointers above `floor`. */
  #follow(first: bigint, floor: bigint): Frame[] {
    const out: Frame[] = [];
    const size = BigInt(this.#size);
    let frame = first;
    let low = floor;
    while (out.length < MAX_FRAMES && frame >= low && frame % size === 0n) {
      const address = this.#returnAt(frame + size);
      if (address === undefined) break;
      out.push({ address });
      low = frame + 1n;
      frame = this.#word(frame) ?? 0n;
    }
    return out;
  }

  /** Return addresses in functions that are known, from a place of the stack upwards. */
  #search(from: bigint, most: number): Frame[] {
    const out: Frame[] = [];
    const rsp = this.#cpu.general("rsp");
    for (let i = 0; i < SEARCHED && out.length < most; i++) {
      const at = from + BigInt(i * this.#size);
      const value = this.#word(at);
      if (value === undefined) break;
      if (this.#symbols?.find(value - 1n) === undefined) continue;
      const address = this.#returnAt(at);
      if (address !== undefined) out.push({ address, offset: Number(at - rsp) });
    }
    return out;
  }
}

/** The call stack, innermost first. */
export function callStack(memory: LinearMemory, cpu: CpuAccess, symbols?: SymbolTable): Frame[] {
  return new Walker(memory, cpu, symbols).walk();
}
