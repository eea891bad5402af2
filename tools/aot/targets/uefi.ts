// Start and firmware calls of the target uefi: `_start` is the entry point of a UEFI application and gets linear
// memory from the firmware. Sources: UEFI 2.10, 2.3.4 (x64 calling convention), 4.3 and 4.4 (system and boot services
// tables), 7.2 (memory services), 4.1 (image entry point).

import { I64, NONE } from "../ir/ir.ts";
import {
  type Address,
  ALU,
  at,
  CC,
  type Encoder,
  R8,
  R9,
  R10,
  R12,
  R13,
  R14,
  R15,
  RAX,
  RBP,
  RBX,
  RCX,
  RDI,
  RDX,
  RSI,
  RSP,
  XMM0,
} from "../x64/encoder.ts";
import { STACK_SYMBOL } from "../x64/symbols.ts";
import { emitLevel2Check } from "./level.ts";
import { emitSegments, type StartSegment } from "./segments.ts";
import { type IntrinsicDef, type RoutineDef, storedWord } from "./x86.ts";

/** The image handle and the address of the system table, as the entry point got them. */
export const IMAGE_HANDLE_SYMBOL = "__aot_image_handle";
export const SYSTEM_TABLE_SYMBOL = "__aot_system_table";
/** Routine that ends the application from any depth: RDI is the status. */
export const EXIT_SYMBOL = "__aot_uefi_exit";
/** Routines that call a function of the firmware; followed by the number of its arguments. */
const CALL_SYMBOL = "__aot_uefi_call.";
/** Arguments that a function of the firmware can have: EFI_GRAPHICS_OUTPUT_PROTOCOL.Blt has the most, UEFI 2.10 12.9.2.3. */
export const MAX_ARGUMENTS = 10;

/** Byte offsets in EFI_SYSTEM_TABLE and EFI_BOOT_SERVICES, UEFI 2.10 4.3 and 4.4; tables begin with 24 bytes of header. */
const BOOT_SERVICES = 96;
const ALLOCATE_PAGES = 40;
const FREE_PAGES = 48;
/** EFI_ALLOCATE_TYPE and EFI_MEMORY_TYPE, UEFI 2.10 7.2.1. */
const ALLOCATE_MAX_ADDRESS = 1;
const LOADER_DATA = 2;
/** EFI_UNSUPPORTED, UEFI 2.10 appendix D: what is returned where the CPU lacks instructions. */
const UNSUPPORTED = 0x8000_0000_0000_0003n;
/** Firmware pages have 4 KiB, linear memory's 64 KiB. */
const FIRMWARE_PAGES = 16;

/** Registers that the Microsoft x64 convention preserves and the System V one does not, all others that a stub must keep with them. */
const SAVED = [RBX, RBP, RDI, RSI, R12, R13, R14, R15];
const FIRST_SAVED_XMM = 6;
const SAVED_XMMS = 10;
/** Bytes that a caller leaves for the four arguments in registers. */
const SHADOW = 32;
const MEMORY = SHADOW;
const XMMS = SHADOW + 16;
/** With the return address and the registers pushed, RSP is a multiple of 16 below it. */
const FRAME = XMMS + SAVED_XMMS * 16 + 8;

export interface UefiStart {
  /** Memory in pages of 64 KiB. */
  pages: number;
  segments: StartSegment[];
  /** References to the start function and to `main`. */
  startFunction: string | undefined;
  main: string;
  /** Bytes of the status that `main` returns, or 0. */
  mainReturns: 0 | 4 | 8;
  /** Whether the program needs a CPU of level x86-64-v2. */
  level2: boolean;
}

const rip = (symbol: string): Address => ({ base: -1, index: -1, scale: 1, disp: 0, symbol });

/** Puts the boot services table into `register`. */
function loadBootServices(e: Encoder, register: number): void {
  e.load(8, false, 8, register, rip(SYSTEM_TABLE_SYMBOL));
  e.load(8, false, 8, register, at(register, BOOT_SERVICES));
}

/** Appends `_start` and, as its last part, the routine EXIT_SYMBOL; returns the offset of that. */
export function emitUefiStart(e: Encoder, s: UefiStart): number {
  for (const r of SAVED) e.push(r);
  e.aluRI(8, ALU.SUB, RSP, FRAME);
  for (let i = 0; i < SAVED_XMMS; i++) {
    e.storeSse(16, XMM0 + FIRST_SAVED_XMM + i, at(RSP, XMMS + i * 16));
  }
  e.store(8, RSP, rip(STACK_SYMBOL));
  e.store(8, RCX, rip(IMAGE_HANDLE_SYMBOL));
  e.store(8, RDX, rip(SYSTEM_TABLE_SYMBOL));
  const unsupported: number[] = [];
  if (s.level2) {
    const fine = emitLevel2Check(e);
    e.movImm(RAX, UNSUPPORTED);
    unsupported.push(jumpAhead(e));
    e.land(fine);
  }
  if (s.pages > 0) {
    // AllocatePages(AllocateMaxAddress, EfiLoaderData, pages, &memory), below 4 GiB: its devices' drivers reach all of it
    // without copies.
    loadBootServices(e, RAX);
    e.movImm32(RCX, ALLOCATE_MAX_ADDRESS);
    e.movImm32(RDX, LOADER_DATA);
    e.movImm32(R8, s.pages * FIRMWARE_PAGES);
    e.movImm32(R10, 0xffff_ffff);
    e.store(8, R10, at(RSP, MEMORY));
    e.lea(8, R9, at(RSP, MEMORY));
    call(e, at(RAX, ALLOCATE_PAGES));
    e.testRR(8, RAX, RAX);
    const got = e.skip(CC.E);
    unsupported.push(jumpAhead(e));
    e.land(got);
    e.load(8, false, 8, R15, at(RSP, MEMORY));
    e.movRR(8, RDI, R15);
    e.movImm(RAX, 0n);
    e.movImm32(RCX, s.pages << 13);
    e.raw([0xf3, 0x48, 0xab]);
  }
  emitSegments(e, s.segments);
  if (s.startFunction) e.callSymbol(s.startFunction);
  e.callSymbol(s.main);
  if (s.mainReturns === 0) e.movImm(RDI, 0n);
  else e.movRR(s.mainReturns, RDI, RAX);
  const exit = e.length;
  e.load(8, false, 8, RSP, rip(STACK_SYMBOL));
  e.movRR(8, RBX, RDI);
  if (s.pages > 0) {
    loadBootServices(e, RAX);
    e.movRR(8, RCX, R15);
    e.movImm32(RDX, s.pages * FIRMWARE_PAGES);
    call(e, at(RAX, FREE_PAGES));
  }
  e.movRR(8, RAX, RBX);
  for (const from of unsupported) e.patch32(from - 4, e.length - from);
  for (let i = 0; i < SAVED_XMMS; i++) {
    e.loadSse(16, XMM0 + FIRST_SAVED_XMM + i, at(RSP, XMMS + i * 16));
  }
  e.aluRI(8, ALU.ADD, RSP, FRAME);
  for (const r of SAVED.slice().reverse()) e.pop(r);
  e.ret();
  return exit;
}

/** CALL through memory. */
function call(e: Encoder, target: Address): void {
  e.rm(0, false, 0xff, 2, target);
}

/** JMP rel32 whose target is patched in later; the offset behind it. */
function jumpAhead(e: Encoder): number {
  e.u8(0xe9);
  e.u32(0);
  return e.length;
}

/** The routine that calls a function of the firmware with `count` arguments. */
export function firmwareCall(count: number): string {
  return CALL_SYMBOL + count;
}

/** How far the routine lowers RSP for `count` arguments: shadow space, stack arguments, alignment. */
function callFrame(count: number): number {
  const size = SHADOW + Math.max(count - 4, 0) * 8;
  return size + ((size & 15) === 0 ? 8 : 0);
}

/**
 * Appends the routine that calls a function of the firmware with `count` arguments: from the System V convention, the
 * function first, to the Microsoft one. The firmware preserves all that the System V convention preserves. Returns
 * the places from which the CFA is another distance from RSP.
 */
export function emitFirmwareCall(e: Encoder, count: number): { offset: number; depth: number }[] {
  const frame = callFrame(count);
  e.aluRI(8, ALU.SUB, RSP, frame);
  const inside = e.length;
  // The function is in RDI, its arguments in RSI, RDX, RCX, R8, R9 and from 8 above the return address on.
  const from = [RSI, RDX, RCX, R8, R9];
  e.movRR(8, RAX, RDI);
  for (let i = 4; i < count; i++) {
    const register = from[i];
    if (register === undefined) e.load(8, false, 8, R10, at(RSP, frame + 8 + (i - 5) * 8));
    e.store(8, register ?? R10, at(RSP, SHADOW + (i - 4) * 8));
  }
  // RCX, RDX, R8, R9 ← RSI, RDX, RCX, R8: from the last one on, nothing is overwritten that is still needed, but RCX.
  if (count > 3) e.movRR(8, R9, R8);
  if (count > 2) e.movRR(8, R8, RCX);
  if (count > 0) e.movRR(8, RCX, RSI);
  e.raw([0xff, 0xd0]);
  e.aluRI(8, ALU.ADD, RSP, frame);
  const outside = e.length;
  e.ret();
  return [
    { offset: inside, depth: 8 + frame },
    { offset: outside, depth: 8 },
  ];
}

/** The import module `uefi`. */
export const UEFI_FUNCTIONS: Record<string, IntrinsicDef | RoutineDef> = {
  image_handle: storedWord(IMAGE_HANDLE_SYMBOL),
  system_table: storedWord(SYSTEM_TABLE_SYMBOL),
  exit: { params: [I64], result: NONE, routine: EXIT_SYMBOL },
  ...Object.fromEntries(
    Array.from({ length: MAX_ARGUMENTS + 1 }, (_, count) => [
      `call${count}`,
      {
        params: Array.from({ length: count + 1 }, () => I64),
        result: I64,
        routine: firmwareCall(count),
      },
    ]),
  ),
};
