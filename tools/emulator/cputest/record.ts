// The record that describes a user-mode CPU state before and after a snippet of machine code. The same
// 2304 bytes go to the native runner (runner.ts) and to the emulator (emulator.ts), and come back with
// the state after it. The x87/SSE part is the legacy region of FXSAVE (Intel SDM vol. 1, table 10-2).

/** Byte offsets of the record's fields; all fields are little endian. */
export const Field = {
  /** u32. Before: number of code bytes. After: exception vector that ended the snippet. */
  codeLength: 0,
  vector: 0,
  /** u32: address the code bytes are copied to, in the code pages. */
  codeAddress: 4,
  /** u64, after: error code of the exception. */
  errorCode: 8,
  /** u64, after: CR2. Only meaningful when the vector is 14. */
  cr2: 16,
  fsBase: 24,
  gsBase: 32,
  /** u16[6], real mode: selectors ES CS SS DS FS GS, in the place of the bases. */
  segments: 24,
  rip: 40,
  rflags: 48,
  /** u32, before: 64, 32 for compatibility mode, or 16 for real mode. */
  mode: 56,
  /** u64[16] in encoding order: RAX RCX RDX RBX RSP RBP RSI RDI R8–R15. */
  gpr: 64,
  code: 192,
  /** FXSAVE image, 416 of 512 bytes used. */
  fx: 256,
  fcw: 256,
  fsw: 258,
  /** u8: abridged tag word, one bit per physical register. */
  ftw: 260,
  fop: 262,
  fip: 264,
  fdp: 272,
  mxcsr: 280,
  /** Eight 80-bit registers in stack order, 16 bytes apart. */
  st: 288,
  xmm: 416,
  /** Upper halves of YMM0–15. */
  ymmHigh: 768,
  /** Contents of `Memory.windowA`. */
  windowA: 1024,
  /** Contents of `Memory.windowB`. */
  windowB: 2048,
} as const;

export const RECORD_SIZE = 2304;
export const CODE_SIZE = 64;

/** Pages of a snippet's address space. Everything else is unmapped. */
export const Memory = {
  /** Two pages, readable, writable and executable, filled with INT3. */
  code: 0x1000_0000,
  codeSize: 0x2000,
  /** Two pages, readable and writable. */
  data: 0x2000_0000,
  dataSize: 0x2000,
  /** 1 KiB around the border of the two data pages. */
  windowA: 0x2000_0e00,
  windowASize: 0x400,
  /** The last 256 bytes before the unmapped page. */
  windowB: 0x2000_1f00,
  windowBSize: 0x100,
  /** One read-only page; byte i is (7 i + 3) mod 256. */
  readOnly: 0x2000_4000,
  readOnlySize: 0x1000,
} as const;

/** Real mode: what stands where, and the control registers. The windows are the same as in `Memory`, lower. */
export const RealMode = {
  memorySize: 0x11_0000,
  /** One HLT for each interrupt vector. */
  handlers: 0x500,
  code: 0x1_0000,
  codeSize: 0x2000,
  codeSelector: 0x1000,
  data: 0x2_0000,
  windowA: 0x2_0e00,
  windowB: 0x2_1f00,
  /** ET, NE; OSFXSR, OSXMMEXCPT. */
  cr0: 0x30,
  cr4: 0x600,
  /** "Vector" of a snippet that ran to its end. */
  vectorEnd: 256,
} as const;

/** Vector reported when a snippet runs for more than about a second of CPU time. */
export const VECTOR_TIMEOUT = 255;

/** Vector reported when the snippet ended the runner itself: the host gave no answer. */
export const VECTOR_NO_ANSWER = 254;

/** RFLAGS bits that a snippet can see: CF PF AF ZF SF TF IF DF OF IOPL NT RF AC ID. */
export const RFLAGS_VISIBLE = 0x0025_7fd5;
export const RFLAGS_STATUS = 0x8d5;

/** Size of the code a record is for, in bits. */
export type CodeSize = 16 | 32 | 64;

/** View of one record inside a larger buffer. */
export class StateRecord {
  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(bytes: Uint8Array = new Uint8Array(RECORD_SIZE)) {
    if (bytes.length !== RECORD_SIZE) {
      throw new RangeError(`a state record has ${RECORD_SIZE} bytes, got ${bytes.length}`);
    }
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  clone(): StateRecord {
    return new StateRecord(this.bytes.slice());
  }

  u16(offset: number): number {
    return this.view.getUint16(offset, true);
  }
  u32(offset: number): number {
    return this.view.getUint32(offset, true);
  }
  u64(offset: number): bigint {
    return this.view.getBigUint64(offset, true);
  }
  setU16(offset: number, value: number): void {
    this.view.setUint16(offset, value, true);
  }
  setU32(offset: number, value: number): void {
    this.view.setUint32(offset, value, true);
  }
  setU64(offset: number, value: bigint): void {
    this.view.setBigUint64(offset, BigInt.asUintN(64, value), true);
  }

  gpr(index: number): bigint {
    return this.u64(Field.gpr + index * 8);
  }
  setGpr(index: number, value: bigint): void {
    this.setU64(Field.gpr + index * 8, value);
  }

  /** Size of the code segment, 64 or 32 bits, or 16 for real mode. */
  get bits(): CodeSize {
    const mode = this.u32(Field.mode);
    return mode === 16 || mode === 32 ? mode : 64;
  }

  /** Puts code bytes at `address` (in the code pages), fills the rest with what ends a snippet and points RIP there. */
  setCode(code: Uint8Array, address: number): void {
    if (code.length > CODE_SIZE) throw new RangeError(`code longer than ${CODE_SIZE} bytes`);
    const real = this.bits === 16;
    this.bytes.fill(real ? HLT : INT3, Field.code, Field.code + CODE_SIZE);
    this.bytes.set(code, Field.code);
    const end = real ? RealMode.code + RealMode.codeSize : Memory.code + Memory.codeSize;
    this.setU32(Field.codeLength, Math.min(CODE_SIZE, end - address));
    this.setU32(Field.codeAddress, address);
    this.setU64(Field.rip, BigInt(real ? address - RealMode.code : address));
  }
}

const INT3 = 0xcc;
const HLT = 0xf4;

/** The byte at an address of the read-only page. */
export function readOnlyByte(index: number): number {
  return (index * 7 + 3) & 0xff;
}
