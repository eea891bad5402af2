// The machine code of an executable, decoded once from start to end: where instructions begin, what follows them, who
// jumps to or calls whom. Code that no instruction leads to is decoded like any other (a linear sweep); bytes that are
// no instruction are left out one by one.

import { Decoder, DecoderOptions, FlowControl, Code as Form, Instruction, OpKind } from "iced-x86";
import {
  ElfError,
  type ElfFile,
  SectionFlag,
  SectionType,
  SegmentFlag,
  SegmentType,
} from "../elf/index.ts";

/** How control leaves an instruction. */
export const Flow = {
  /** To the next instruction. */
  next: 0,
  /** There, or to a known address. */
  branch: 1,
  /** To a known address. */
  jump: 2,
  /** To the next instruction, when what was called has returned. */
  call: 3,
  /** Nowhere that is known: returns, jumps through registers and tables, traps. */
  end: 4,
} as const;
type FlowKind = (typeof Flow)[keyof typeof Flow];

const FLOW: ReadonlyMap<FlowControl, FlowKind> = new Map<FlowControl, FlowKind>([
  [FlowControl.Next, Flow.next],
  // Where a program goes on after INT n is its kernel's affair; Linux comes back.
  [FlowControl.Interrupt, Flow.next],
  [FlowControl.ConditionalBranch, Flow.branch],
  [FlowControl.UnconditionalBranch, Flow.jump],
  [FlowControl.Call, Flow.call],
  [FlowControl.IndirectCall, Flow.call],
  [FlowControl.XbeginXabortXend, Flow.next],
]);

interface Region {
  address: number;
  bytes: Uint8Array;
}

/** User addresses end below this one; so they fit a number. */
const ADDRESS_END = 0x8000_0000_0000n;
/** Most bytes of code and of data that are looked at, more than programs have; decoded, a byte of code takes five. */
const CODE_MAX = 128 * 1024 * 1024;
const DATA_MAX = 1024 * 1024 * 1024;
/** INT 80h, the way of 32-bit programs. */
const INT_32 = 0x80;

/** Content that is loaded: `isCode` tells what is executable. Throws `ElfError`. */
function regionsOf(elf: ElfFile, name: string): { code: Region[]; data: Region[] } {
  const all = sectionsOf(elf) ?? segmentsOf(elf);
  const code: Region[] = [];
  const data: Region[] = [];
  for (const { address, bytes, executable } of all) {
    if (address + BigInt(bytes.length) > ADDRESS_END) {
      throw new ElfError(`${name}: content at 0x${address.toString(16)}, beyond user addresses`);
    }
    if (bytes.length === 0) continue;
    (executable ? code : data).push({ address: Number(address), bytes });
  }
  const sizeOf = (regions: Region[]): number =>
    regions.reduce((sum, { bytes }) => sum + bytes.length, 0);
  if (sizeOf(code) > CODE_MAX || sizeOf(data) > DATA_MAX) {
    throw new ElfError(
      `${name}: loads ${sizeOf(code)} bytes of code and ${sizeOf(data)} of data; at most ${CODE_MAX} and ${DATA_MAX} are looked at`,
    );
  }
  return { code, data };
}

interface Loaded {
  address: bigint;
  bytes: Uint8Array;
  executable: boolean;
}

function segmentsOf(elf: ElfFile): Loaded[] {
  return elf.segments
    .filter(({ type }) => type === SegmentType.Load)
    .map(({ vaddr, data, flags }) => ({
      address: vaddr,
      bytes: data,
      executable: (flags & SegmentFlag.Execute) !== 0,
    }));
}

/** Sections tell code from what else is executable; undefined where there are none to rely on. */
function sectionsOf(elf: ElfFile): Loaded[] | undefined {
  try {
    const allocated = elf
      .readSections()
      .filter(
        ({ flags, type }) =>
          (flags & BigInt(SectionFlag.Alloc)) !== 0n && type !== SectionType.Nobits,
      )
      .map(({ address, data, flags }) => ({
        address,
        bytes: data,
        executable: (flags & BigInt(SectionFlag.Execute)) !== 0n,
      }));
    return allocated.some(({ executable }) => executable) ? allocated : undefined;
  } catch (error) {
    if (error instanceof ElfError) return undefined;
    throw error;
  }
}

/** One executable section or segment, decoded. */
interface Decoded extends Region {
  /** Number of its first instruction among all. */
  first: number;
  /** Where instructions begin, and how control leaves them. */
  offsets: Uint32Array;
  flows: Uint8Array;
}

/** Longest instruction, bytes. */
const INSTRUCTION_MAX = 15;

export class ProgramCode {
  /** Numbers of the instructions that jump to an address, and of those that call it. */
  readonly jumps = new Map<number, number[]>();
  readonly calls = new Map<number, number[]>();
  /** Numbers of the instructions SYSCALL, and addresses of INT 80h. */
  readonly sites: number[] = [];
  readonly sites32: number[] = [];
  readonly entry: number;
  readonly #regions: Decoded[] = [];
  readonly #data: Region[];
  #taken: ReadonlySet<number> | undefined;

  /** Throws `ElfError`. */
  constructor(elf: ElfFile, name: string) {
    const { code, data } = regionsOf(elf, name);
    this.#data = data;
    this.entry = Number(elf.entry);
    let first = 0;
    for (const region of code) {
      const decoded = this.#decode(region, first);
      this.#regions.push(decoded);
      first += decoded.offsets.length;
    }
  }

  #decode({ address, bytes }: Region, first: number): Decoded {
    const offsets = new Uint32Array(bytes.length);
    const flows = new Uint8Array(bytes.length);
    let count = 0;
    const decoder = new Decoder(64, bytes, DecoderOptions.None);
    const instruction = new Instruction();
    decoder.ip = BigInt(address);
    for (let at = 0; at < bytes.length; ) {
      decoder.decodeOut(instruction);
      if (instruction.isInvalid) {
        at++;
        decoder.position = at;
        decoder.ip = BigInt(address + at);
        continue;
      }
      offsets[count] = at;
      flows[count] = this.#note(instruction, first + count, address + at);
      count++;
      at += instruction.length;
    }
    instruction.free();
    decoder.free();
    return {
      ...{ address, bytes, first },
      offsets: offsets.subarray(0, count),
      flows: flows.subarray(0, count),
    };
  }

  #note(instruction: Instruction, number: number, address: number): FlowKind {
    const form = instruction.code;
    if (form === Form.Syscall) {
      this.sites.push(number);
      return Flow.next;
    }
    if (form === Form.Int_imm8 && instruction.immediate8 === INT_32) this.sites32.push(address);
    const flow = form === Form.Hlt ? Flow.end : (FLOW.get(instruction.flowControl) ?? Flow.end);
    if (flow === Flow.next || instruction.op0Kind !== OpKind.NearBranch64) return flow;
    const target = Number(instruction.nearBranchTarget);
    const sources = flow === Flow.call ? this.calls : this.jumps;
    const known = sources.get(target);
    if (known) known.push(number);
    else sources.set(target, [number]);
    return flow;
  }

  #regionOf(number: number): Decoded {
    let low = 0;
    let high = this.#regions.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.#regions[middle]?.first ?? 0) <= number) low = middle;
      else high = middle;
    }
    const region = this.#regions[low];
    if (!region) throw new RangeError(`there is no instruction ${number}`);
    return region;
  }

  /** Address of instruction `number`. */
  address(number: number): number {
    const { address, offsets, first } = this.#regionOf(number);
    return address + (offsets[number - first] ?? 0);
  }

  /** How control leaves instruction `number`. */
  flow(number: number): number {
    const { flows, first } = this.#regionOf(number);
    return flows[number - first] ?? Flow.end;
  }

  /** Decodes instruction `number` again; the caller frees it. */
  instruction(number: number): Instruction {
    const { address, bytes, offsets, first } = this.#regionOf(number);
    const at = offsets[number - first] ?? 0;
    const decoder = new Decoder(64, bytes.subarray(at, at + INSTRUCTION_MAX), DecoderOptions.None);
    decoder.ip = BigInt(address + at);
    const instruction = decoder.decode();
    decoder.free();
    return instruction;
  }

  /** Number of the instruction that ends where `number` begins; undefined where there is none. */
  before(number: number): number | undefined {
    if (number === this.#regionOf(number).first) return undefined;
    const instruction = this.instruction(number - 1);
    const end = this.address(number - 1) + instruction.length;
    instruction.free();
    return end === this.address(number) ? number - 1 : undefined;
  }

  /** Whether anything but calls and jumps refers to the called `address`: a word of data, an instruction that loads it. */
  isAddressTaken(address: number): boolean {
    this.#taken ??= this.#takenAddresses();
    return this.#taken.has(address);
  }

  #takenAddresses(): Set<number> {
    const taken = new Set<number>();
    const note = (address: number): void => {
      if (this.calls.has(address)) taken.add(address);
    };
    for (const region of this.#data) wordsOf(region, note);
    for (const region of this.#regions) loadsOf(region, note);
    return taken;
  }
}

/** Words of 64 bits at multiples of 8. */
function wordsOf({ address, bytes }: Region, note: (value: number) => void): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = (8 - (address % 8)) % 8; at + 8 <= bytes.length; at += 8) {
    note(view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32);
  }
}

/** Addresses that instructions load: LEA with an offset to RIP, or MOV of a constant to a 32-bit register. */
function loadsOf({ address, bytes }: Region, note: (value: number) => void): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 2; at + 4 <= bytes.length; at++) {
    // 8D /r with ModRM 00.reg.101: LEA reg, [RIP + operand]; B8+rd: MOV reg, operand.
    if (bytes[at - 2] === 0x8d && ((bytes[at - 1] ?? 0) & 0xc7) === 0x05) {
      note(address + at + 4 + view.getInt32(at, true));
    }
    if (((bytes[at - 1] ?? 0) & 0xf8) === 0xb8) note(view.getUint32(at, true));
  }
}
