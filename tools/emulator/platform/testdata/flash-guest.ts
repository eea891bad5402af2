// Firmware for tests: from the reset vector on it performs the accesses of a script and prints what it reads, a line each,
// on the debug console. It runs from RAM, so that the script may take its flash away from below 1 MiB.

import {
  Assembler,
  al,
  ax,
  bx,
  byte,
  cr0,
  cs,
  ds,
  dword,
  dx,
  eax,
  ebx,
  ecx,
  edi,
  edx,
  es,
  mem,
  si,
  sp,
  ss,
  sym,
  word,
} from "../../../asm/index.ts";

/** One access; a read unless it has `value`. Ports and PCI registers have 1, 2 or 4 bytes, memory one, unless it has a size. */
export type FlashAccess =
  | { memory: number; size?: 1 | 2 | 4; value?: number }
  | { port: number; size: 1 | 2 | 4; value?: number }
  /** A model-specific register's low half. */
  | { msr: number; value?: number }
  /** Prints EAX, EBX, ECX and EDX of a leaf, four lines. */
  | { cpuid: number; sub?: number; value?: undefined }
  /** Bus 0. */
  | { device: number; fn: number; register: number; size: 1 | 2 | 4; value?: number };

/** Where in RAM the code of the last 64 KiB goes: its segment, and the address. */
const CODE = 0x1000;
export const CODE_BASE = CODE << 4;
const SEGMENT_BYTES = 0x10000;
const RESET_VECTOR = 0xfff0;

function accessPort(a: Assembler, port: number, size: 1 | 2 | 4, value: number | undefined): void {
  a.mov(dx, port);
  const register = size === 4 ? eax : size === 2 ? ax : al;
  if (value === undefined) a.xor(eax, eax).in(register, dx).call("print");
  else a.mov(eax, value >>> 0).out(dx, register);
}

function access(a: Assembler, x: FlashAccess): void {
  if ("memory" in x) {
    const { memory, size = 1, value } = x;
    const register = size === 4 ? eax : size === 2 ? ax : al;
    const place = (size === 4 ? dword : size === 2 ? word : byte)(ebx, { segment: es });
    a.mov(ebx, memory >>> 0);
    if (value === undefined) a.xor(eax, eax).mov(register, place).call("print");
    else a.mov(eax, value >>> 0).mov(place, register);
  } else if ("msr" in x) {
    a.mov(ecx, x.msr >>> 0);
    if (x.value === undefined) a.rdmsr().call("print");
    else
      a.mov(eax, x.value >>> 0)
        .xor(edx, edx)
        .wrmsr();
  } else if ("cpuid" in x) {
    a.mov(eax, x.cpuid >>> 0)
      .mov(ecx, x.sub ?? 0)
      .cpuid();
    a.push(edx).push(ecx).push(ebx).call("print");
    for (let i = 0; i < 3; i++) a.pop(eax).call("print");
  } else if ("port" in x) accessPort(a, x.port, x.size, x.value);
  else {
    const address = 0x80000000 + ((x.device << 11) | (x.fn << 8) | (x.register & 0xfc));
    accessPort(a, 0xcf8, 4, address);
    accessPort(a, 0xcfc + (x.register & 3), x.size, x.value);
  }
}

/** A flash image of `bytes`, a multiple of 64 KiB, each page of 4 KiB but those of the code full of its own number. */
export function flashImage(script: readonly FlashAccess[], bytes: number): Uint8Array {
  return firmware((a) => {
    // ES with all of 4 GiB from 0 on, which it keeps in real mode.
    a.lgdt(mem("table_register")).mov(eax, cr0).or(al, 1).mov(cr0, eax);
    a.mov(bx, 8).mov(es, bx).and(al, 0xfe).mov(cr0, eax);
    for (const x of script) access(a, x);
    end(a);
    printRoutine(a, "print");
    a.align(8, 0);
    a.label("table");
    a.dd(0, 0).db(0xff, 0xff, 0, 0, 0, 0x93, 0xcf, 0);
    a.label("table_register");
    a.dw(15).dd(sym("table", CODE_BASE));
  }, bytes);
}

/** Ends the run by isa-debug-exit. */
export function end(a: Assembler): void {
  a.mov(dx, 0xf4).mov(al, 0).out(dx, al).hlt();
}

/** A routine that prints EAX in eight digits and a new line; it changes ECX and EDX. Of the mode that the assembler is in. */
export function printRoutine(a: Assembler, name: string): void {
  a.label(name);
  a.mov(ecx, 8).mov(dx, 0xe9);
  a.label(`${name}_digit`);
  a.rol(eax, 4).mov(ebx, eax).and(al, 15).cmp(al, 10).jb(`${name}_decimal`).add(al, 39);
  a.label(`${name}_decimal`);
  a.add(al, 48).out(dx, al);
  a.mov(eax, ebx).dec(ecx).jnz(`${name}_digit`).mov(al, 10).out(dx, al).ret();
}

/**
 * Firmware in a flash image of `bytes`: `body` is in 16-bit mode in RAM, with CS and DS at CODE_BASE and a stack below
 * 0x7000; its labels count from there.
 */
export function firmware(body: (a: Assembler) => void, bytes = SEGMENT_BYTES): Uint8Array {
  const a = new Assembler({ bits: 16, name: "flash" });
  a.section(".text");
  a.label("start");
  // Segment F000 to RAM, and on there.
  a.cli().cld().mov(ax, 0xf000).mov(ds, ax).mov(ax, CODE).mov(es, ax);
  a.xor(si, si).xor(edi, edi).xor(eax, eax).mov(ss, ax).mov(sp, 0x7000);
  a.mov(ecx, SEGMENT_BYTES / 4);
  a.label("copy");
  a.movsd().dec(ecx).jnz("copy");
  a.db(0xea).dw("in_ram", CODE);
  a.label("in_ram");
  a.mov(ax, cs).mov(ds, ax);
  body(a);
  const code = a.flat({ origin: 0 }).bytes;
  const image = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at++) image[at] = at >> 12;
  const segment = image.subarray(bytes - SEGMENT_BYTES);
  segment.set(code, 0);
  segment.set([0xea, 0, 0, 0x00, 0xf0], RESET_VECTOR);
  return image;
}
