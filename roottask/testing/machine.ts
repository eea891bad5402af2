// Runs the roottask's rooms in Node: linear memory is the physical memory it would claim, hypercalls go to a
// mock that records delegations, and the test plays the program: it sets registers and calls the portal.

import * as abi from "../../kernel/abi.ts";
import { guestModule } from "../../tools/asc/guest.ts";

const MEMORY_PAGES = 1024;
const MEMORY_END = MEMORY_PAGES * 0x1_0000;
const ID_SYSCALL = 64n;
/** Where things are in the page of code around signal handlers, which is not there. */
export const SIGNAL_OFFSETS = { enter: 0n, leave: 0x40n, left: 0x80n, initial: 0xc0n };

/** Offsets in the UTCB. */
const REGISTERS = {
  rip: abi.UTCB_RIP,
  rflags: abi.UTCB_RFLAGS,
  rax: abi.UTCB_RAX,
  rcx: abi.UTCB_RCX,
  rdx: abi.UTCB_RDX,
  rbx: abi.UTCB_RBX,
  rsp: abi.UTCB_RSP,
  rbp: abi.UTCB_RBP,
  rsi: abi.UTCB_RSI,
  rdi: abi.UTCB_RDI,
  r8: abi.UTCB_R8,
  r9: abi.UTCB_R8 + 8,
  r10: abi.UTCB_R8 + 16,
  r11: abi.UTCB_R8 + 24,
  error: abi.UTCB_QUAL,
  cr2: abi.UTCB_QUAL + 8,
} as const;

/** The thread has ended: its handler gave its last reply. */
export class Ended extends Error {}

export interface Delegation {
  kind: number;
  base: number;
  at: number;
  order: number;
  rights: number;
}

interface Exports {
  memory: WebAssembly.Memory;
  setup(end: number): void;
  informationPage(): number;
  claim(): number;
  pageFree(address: number): number;
  moduleAt(): number;
  logOption(text: number, length: number): void;
  storage(bytes: number): number;
  free(): number;
  unpack(tar: number, size: number): number;
  startWith(file: number, size: number): void;
  launch(): number;
  count(): number;
  utcbOf(id: number): number;
  stateOf(id: number): number;
  statusOf(id: number): number;
  stackOf(id: number): bigint;
  entryOf(id: number): bigint;
  giveMediatorTo(id: number): number;
  pregrantTo(id: number, bytes: bigint): void;
  wordsOf(id: number): number;
  pregrantOfLine(): bigint;
  leave(id: number): void;
  reap(id: number): void;
  portal(id: number, what: number): void;
  pointer(id: number, address: bigint, rights: number): number;
  faultOfAreas(id: number): number;
  areasOf(id: number, to: number, most: number): number;
  checkExecutable(file: number, size: number): number;
}

let compiled: Promise<WebAssembly.Module> | undefined;

async function compileProbe(): Promise<WebAssembly.Module> {
  const { wasm } = await guestModule({
    entry: "roottask/testing/probe.ts",
    args: [
      "--use",
      "abort=",
      "--enable",
      "threads",
      "--memoryBase",
      "1048576",
      "--initialMemory",
      `${MEMORY_PAGES}`,
    ],
  });
  return new WebAssembly.Module(wasm);
}

export class Machine {
  /** What went to the debug console. */
  log = "";
  delegations: Delegation[] = [];
  /** Address of the mediator's image (mediator/image.ts), 0 for none. */
  mediatorImage = 0;
  /** CPU time that every thread has used, in microseconds. */
  processorTime = 0n;
  /** Lets other threads run while the roottask delegates something. */
  onDelegation: () => void = () => {};
  readonly exports: Exports;
  #time = 0n;

  private constructor(module: WebAssembly.Module) {
    const modules = {
      hedron: {
        hypercall: (...args: bigint[]) => this.#hypercall(args),
        hypercall3: (arg1: bigint, _2: bigint, _3: bigint, _4: bigint, _5: bigint, out: number) =>
          this.#timeOfSc(arg1, out),
      },
      symbol: {
        portal_entry: () => 0x7000_0000n,
        listen_entry: () => 0x7000_0080n,
        raw_echo_entry: () => 0x7000_0040n,
        state_entry: () => 0x7000_00c0n,
        screen_font: () => 0n,
        // Programs have no vDSO, and a mediator where a test has placed one.
        mediator_image: () => BigInt(this.mediatorImage),
        vdso_image: () => 0n,
        vdso_image_end: () => 0n,
        // Nothing executes code around handlers; its places are told apart by their offsets.
        signal_code: () => 0n,
        signal_code_end: () => 0n,
        signal_enter: () => SIGNAL_OFFSETS.enter,
        signal_leave: () => SIGNAL_OFFSETS.leave,
        signal_left: () => SIGNAL_OFFSETS.left,
        signal_initial: () => SIGNAL_OFFSETS.initial,
      },
      x86: {
        inb: (port: number) => (port === 0x3fd ? 0x20 : 0),
        outb: (port: number, value: number) => {
          if (port === 0xe9) this.log += String.fromCharCode(value & 255);
        },
        outw: () => {},
        rdtsc: () => {
          this.#time += 1000n;
          return this.#time;
        },
        cpuid: () => {},
        pause: () => {},
        load16: (address: bigint) => BigInt(this.view.getUint16(Number(address), true)),
        store16: (address: bigint, value: bigint) =>
          this.view.setUint16(Number(address), Number(value & 0xffffn), true),
        load8: (address: bigint) => BigInt(this.view.getUint8(Number(address))),
        load32: (address: bigint) => BigInt(this.view.getUint32(Number(address), true)),
        load64: (address: bigint) => this.view.getBigUint64(Number(address), true),
        store8: (address: bigint, value: bigint) =>
          this.view.setUint8(Number(address), Number(value & 255n)),
        store32: (address: bigint, value: bigint) =>
          this.view.setUint32(Number(address), Number(value & 0xffff_ffffn), true),
        store64: (address: bigint, value: bigint) =>
          this.view.setBigUint64(Number(address), value, true),
        ud2: () => {
          throw new Error("the roottask has ended itself");
        },
        window: () => 0n,
      },
    };
    this.exports = new WebAssembly.Instance(module, modules).exports as unknown as Exports;
    this.exports.setup(MEMORY_END);
  }

  static async create(): Promise<Machine> {
    compiled ??= compileProbe();
    return new Machine(await compiled);
  }

  get view(): DataView {
    return new DataView(this.exports.memory.buffer);
  }

  #hypercall([arg1 = 0n, , arg3 = 0n, , arg5 = 0n]: bigint[]): bigint {
    const number = arg1 & 0xffn;
    if (number === BigInt(abi.HC_REPLY)) throw new Ended();
    if (number === BigInt(abi.HC_PD_CTRL)) {
      this.delegations.push({
        kind: Number(arg3 & 3n),
        base: Number(arg3 >> 12n),
        at: Number(arg5 >> 12n),
        order: Number((arg3 >> 7n) & 31n),
        rights: Number((arg3 >> 2n) & 31n),
      });
      this.onDelegation();
    }
    return 0n;
  }

  /** sc_ctrl, the one hypercall with three results: every thread has used `processorTime` microseconds. */
  #timeOfSc(arg1: bigint, out: number): bigint {
    if ((arg1 & 0xffn) !== BigInt(abi.HC_SC_CTRL)) throw new Error(`hypercall ${arg1 & 0xffn}`);
    this.view.setBigUint64(out, this.processorTime >> 32n, true);
    this.view.setBigUint64(out + 8, this.processorTime & 0xffff_ffffn, true);
    return 0n;
  }

  /** Copies bytes into the roottask's memory. */
  place(bytes: Uint8Array): number {
    const address = this.exports.storage(bytes.length);
    new Uint8Array(this.exports.memory.buffer).set(bytes, address);
    return address;
  }

  /** Makes the file tree of an archive; false where memory is out. */
  unpack(tar: Uint8Array): boolean {
    return this.exports.unpack(this.place(tar), tar.length) !== 0;
  }

  /** Loads the program of one line of a start file; the loader's result. */
  launch(line: string): number {
    const text = Buffer.from(`${line}\n`);
    this.exports.startWith(this.place(text), text.length);
    return this.exports.launch();
  }

  /** System call of program `id`; the result as a signed number. Throws `Ended` where the program ends. */
  call(id: number, number: number, ...args: (number | bigint)[]): bigint {
    const utcb = this.exports.utcbOf(id);
    const set = (name: keyof typeof REGISTERS, value: number | bigint) =>
      this.view.setBigUint64(utcb + REGISTERS[name], BigInt.asUintN(64, BigInt(value)), true);
    const names = ["rdi", "rsi", "rdx", "r10", "r8", "r9"] as const;
    for (const [index, name] of names.entries()) set(name, args[index] ?? 0);
    set("rax", number);
    set("rcx", 0x40_1000);
    set("r11", this.exports.stackOf(id));
    this.portal(id, ID_SYSCALL);
    return this.view.getBigInt64(utcb + REGISTERS.rax, true);
  }

  /** Exception of program `id`. */
  event(id: number, event: number, registers: Partial<Record<keyof typeof REGISTERS, bigint>>) {
    const utcb = this.exports.utcbOf(id);
    for (const [name, value] of Object.entries(registers)) {
      this.view.setBigUint64(utcb + REGISTERS[name as keyof typeof REGISTERS], value, true);
    }
    this.portal(id, BigInt(event));
  }

  /** Call of service number `service`: the message bytes go in, those of the reply come out. */
  service(id: number, service: number, message: Uint8Array): Uint8Array {
    const utcb = this.exports.utcbOf(id);
    new Uint8Array(this.exports.memory.buffer).set(message, utcb + abi.UTCB_DATA);
    this.view.setUint32(utcb + abi.UTCB_ITEMS, Math.ceil(message.length / 8), true);
    this.portal(id, 32n + BigInt(service));
    const words = this.view.getUint32(utcb + abi.UTCB_ITEMS, true) & 0xffff;
    return new Uint8Array(this.exports.memory.buffer).slice(
      utcb + abi.UTCB_DATA,
      utcb + abi.UTCB_DATA + words * 8,
    );
  }

  portal(id: number, what: bigint): void {
    this.exports.portal(id, Number(what));
  }

  register(id: number, name: keyof typeof REGISTERS): bigint {
    return this.view.getBigUint64(this.exports.utcbOf(id) + REGISTERS[name], true);
  }

  mtd(id: number): bigint {
    return this.view.getBigUint64(this.exports.utcbOf(id) + abi.UTCB_MTD, true);
  }

  /** Writes to the memory of program `id`, byte by byte as the program could. */
  poke(id: number, address: bigint, bytes: Uint8Array): void {
    for (const [index, byte] of bytes.entries()) {
      const at = this.exports.pointer(id, address + BigInt(index), 2);
      if (at === 0) throw new Error(`0x${(address + BigInt(index)).toString(16)} is not writable`);
      this.view.setUint8(at, byte);
    }
  }

  peek(id: number, address: bigint, length: number): Buffer {
    const bytes = Buffer.alloc(length);
    for (let i = 0; i < length; i++) {
      const at = this.exports.pointer(id, address + BigInt(i), 1);
      if (at === 0) throw new Error(`0x${(address + BigInt(i)).toString(16)} is not readable`);
      bytes[i] = this.view.getUint8(at);
    }
    return bytes;
  }

  peek64(id: number, address: bigint): bigint {
    return this.peek(id, address, 8).readBigUInt64LE();
  }

  text(id: number, address: bigint): string {
    let text = "";
    for (let at = address; ; at++) {
      const byte = this.peek(id, at, 1)[0] as number;
      if (byte === 0) return text;
      text += String.fromCharCode(byte);
    }
  }
}
