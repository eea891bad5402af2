// `_start` of the target linux: reserves the window, copies the data segments, runs the program.
// Linux system call numbers and flags are those of arch/x86/entry/syscalls/syscall_64.tbl and
// include/uapi/asm-generic/mman-common.h. Only mmap, mprotect and exit_group are used.

import {
  type Address,
  ALU,
  CC,
  type Encoder,
  R8,
  R9,
  R10,
  R15,
  RAX,
  RDI,
  RDX,
  RSI,
  RSP,
} from "../x64/encoder.ts";
import { STACK_SYMBOL } from "../x64/symbols.ts";
import { emitLevel2Check } from "./level.ts";
import { emitSegments, type StartSegment } from "./segments.ts";

/** 8 GiB: a 32-bit pointer plus a 32-bit offset, and a page for the access itself. */
const RESERVED = (1n << 33n) + 0x1000n;
const MMAP = 9;
const MPROTECT = 10;
const EXIT_GROUP = 231;
/** Exit status when the address space cannot be reserved. */
const NO_MEMORY_STATUS = 127;
/** Exit status when the CPU lacks instructions that the program was compiled for. */
const WRONG_CPU_STATUS = 126;
const WRITE = 1;
const STDERR = 2;
/** What a program says where the CPU is not enough. */
export const WRONG_CPU_MESSAGE = "the program needs a CPU of level x86-64-v2\n";

export interface LinuxStart {
  /** Initial memory in pages of 64 KiB. */
  pages: number;
  segments: StartSegment[];
  /** Whether instantiation traps once these segments are copied. */
  traps: boolean;
  /** Symbols of the start function and of `main`. */
  startFunction: string | undefined;
  main: string;
  mainReturns: boolean;
  /** Symbol of the message for a CPU below level x86-64-v2, where the program needs that level. */
  wrongCpu: string | undefined;
}

/** Appends `_start`; returns the offset of the UD2 at which instantiation traps, or -1. */
export function emitLinuxStart(e: Encoder, s: LinuxStart): number {
  const rip = (symbol: string) => ({ base: -1, index: -1, scale: 1, disp: 0, symbol });
  e.store(8, RSP, rip(STACK_SYMBOL));
  e.aluRI(8, ALU.AND, RSP, -16);
  if (s.wrongCpu !== undefined) checkCpu(e, rip(s.wrongCpu));
  // mmap(0, RESERVED, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
  e.movImm(RDI, 0n);
  e.movImm(RSI, RESERVED);
  e.movImm(RDX, 0n);
  e.movImm32(R10, 0x4022);
  e.movImm(R8, -1n);
  e.movImm(R9, 0n);
  e.movImm32(RAX, MMAP);
  e.raw([0x0f, 0x05]);
  e.movRR(8, R15, RAX);
  // Errors are -4095…-1.
  e.aluRI(8, ALU.CMP, RAX, -4095);
  const noMap = e.skip(CC.AE);
  let noProtect = -1;
  if (s.pages > 0) {
    // mprotect(window, size, PROT_READ | PROT_WRITE)
    e.movRR(8, RDI, R15);
    e.movImm(RSI, BigInt(s.pages) << 16n);
    e.movImm32(RDX, 3);
    e.movImm32(RAX, MPROTECT);
    e.raw([0x0f, 0x05]);
    e.testRR(8, RAX, RAX);
    noProtect = e.skip(CC.NE);
  }
  const skip = e.skip(-1);
  e.land(noMap);
  if (noProtect >= 0) e.land(noProtect);
  e.movImm32(RDI, NO_MEMORY_STATUS);
  exit(e);
  e.land(skip);
  emitSegments(e, s.segments);
  if (s.traps) {
    const trap = e.length;
    e.ud2();
    return trap;
  }
  if (s.startFunction) e.callSymbol(s.startFunction);
  e.callSymbol(s.main);
  if (s.mainReturns) e.movRR(4, RDI, RAX);
  else e.movImm(RDI, 0n);
  exit(e);
  return -1;
}

/** Ends the program with a message unless the CPU has level x86-64-v2. */
function checkCpu(e: Encoder, message: Address): void {
  const fine = emitLevel2Check(e);
  e.movImm32(RDI, STDERR);
  e.lea(8, RSI, message);
  e.movImm32(RDX, WRONG_CPU_MESSAGE.length);
  e.movImm32(RAX, WRITE);
  e.raw([0x0f, 0x05]);
  e.movImm32(RDI, WRONG_CPU_STATUS);
  exit(e);
  e.land(fine);
}

function exit(e: Encoder): void {
  e.movImm32(RAX, EXIT_GROUP);
  e.raw([0x0f, 0x05]);
  e.ud2();
}
