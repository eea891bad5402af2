// A guest that performs a script of port and memory accesses and prints what it read on port 0xE9,
// eight hexadecimal digits a line: the same script runs on QEMU, on this emulator, and without any
// CPU against the board, and the outputs are compared.

import {
  Assembler,
  al,
  ax,
  bl,
  byte,
  cl,
  dword,
  dx,
  eax,
  ebx,
  ecx,
  edi,
  edx,
  esi,
  esp,
  mem,
} from "../../../asm/index.ts";
import { linkElf } from "../../../elf/index.ts";
import type { Board } from "../pc.ts";

/**
 * One access: `size` is 1, 2 or 4 bytes. Reads are printed; `mask` says which bits are compared, the
 * others are left to the hardware by its manual.
 */
export type Access =
  | ["out", port: number, value: number, size?: 1 | 2 | 4]
  | ["in", port: number, size?: 1 | 2 | 4, mask?: number]
  | ["store", address: number, value: number, size?: 1 | 2 | 4]
  | ["load", address: number, size?: 1 | 2 | 4, mask?: number]
  /** Until a dword has none of the bits, or any of them: for guests, not for a board without CPUs. */
  | ["until-clear", address: number, bits: number]
  | ["until-set", address: number, bits: number]
  /** Until a port has none of the bits, or any of them. */
  | ["until-port-clear", port: number, bits: number]
  | ["until-port-set", port: number, bits: number];

const OPS = {
  out: 1,
  in: 2,
  store: 3,
  load: 4,
  "until-clear": 5,
  "until-set": 6,
  "until-port-clear": 7,
  "until-port-set": 8,
} as const;
const RECORD_BYTES = 12;
const DEBUG_EXIT = 0xf4;

function sizeOf(a: Access): number {
  if (a[0] === "out" || a[0] === "store") return a[3] ?? 1;
  return a[0] === "in" || a[0] === "load" ? (a[2] ?? 1) : 4;
}

/** The script as the guest reads it: kind, size, padding, address, value; a zero record ends it. */
export function encodeScript(script: readonly Access[]): Uint8Array {
  const view = new DataView(new ArrayBuffer((script.length + 1) * RECORD_BYTES));
  script.forEach((a, i) => {
    const at = i * RECORD_BYTES;
    view.setUint8(at, OPS[a[0]]);
    view.setUint8(at + 1, sizeOf(a));
    view.setUint32(at + 4, a[1], true);
    if (a[0] !== "in" && a[0] !== "load") view.setUint32(at + 8, a[2], true);
  });
  return new Uint8Array(view.buffer);
}

/** Runs the script on a board without CPUs. */
export function runOnBoard(board: Board, script: readonly Access[]): string[] {
  const out: string[] = [];
  for (const a of script) {
    const size = sizeOf(a);
    let value: number | undefined;
    if (a[0] === "out") board.ports.write(a[1], a[2], size);
    else if (a[0] === "in") value = board.ports.read(a[1], size);
    else if (a[0] === "store") board.mmio.write(a[1], a[2], size);
    else if (a[0] === "load") value = board.mmio.read(a[1], size);
    else throw new Error(`${a[0]} is for guests`);
    if (value !== undefined) out.push(value.toString(16).padStart(8, "0"));
  }
  return out;
}

/** The guest as a Multiboot kernel; the script is its first module. It ends through isa-debug-exit at 0xF4. */
export function busGuest(): Uint8Array {
  const a = new Assembler({ bits: 32, name: "bus_guest" });
  a.section(".multiboot", { align: 4 });
  a.dd(0x1badb002, 3, -(0x1badb002 + 3));
  a.section(".text");
  a.label("entry", { global: true });
  a.mov(esp, 0x90000)
    .mov(esi, dword(ebx, { disp: 24 }))
    .mov(esi, dword(esi));
  a.label("next");
  a.mov(al, byte(esi)).mov(cl, byte(esi, { disp: 1 }));
  a.mov(edx, dword(esi, { disp: 4 }))
    .mov(ebx, dword(esi, { disp: 8 }))
    .add(esi, RECORD_BYTES);
  a.cmp(al, 0).je("done").cmp(al, OPS.out).je("out").cmp(al, OPS.in).je("in");
  a.cmp(al, OPS.store).je("store");
  a.cmp(al, OPS["until-clear"]).je("until_clear").cmp(al, OPS["until-set"]).je("until_set");
  a.cmp(al, OPS["until-port-clear"]).je("until_port_clear");
  a.cmp(al, OPS["until-port-set"]).je("until_port_set");
  a.xor(eax, eax).cmp(cl, 2).je("load16").ja("load32");
  a.mov(al, byte(edx)).jmp("print");
  a.label("load16");
  a.mov(ax, mem(edx)).jmp("print");
  a.label("load32");
  a.mov(eax, dword(edx)).jmp("print");
  a.label("until_clear");
  a.test(dword(edx), ebx).jnz("until_clear").jmp("next");
  a.label("until_set");
  a.test(dword(edx), ebx).jz("until_set").jmp("next");
  a.label("until_port_clear");
  a.in(al, dx).test(al, bl).jnz("until_port_clear").jmp("next");
  a.label("until_port_set");
  a.in(al, dx).test(al, bl).jz("until_port_set").jmp("next");
  a.label("store");
  a.mov(eax, ebx).cmp(cl, 2).je("store16").ja("store32");
  a.mov(byte(edx), al).jmp("next");
  a.label("store16");
  a.mov(mem(edx), ax).jmp("next");
  a.label("store32");
  a.mov(dword(edx), eax).jmp("next");
  a.label("out");
  a.mov(eax, ebx).cmp(cl, 2).je("out16").ja("out32");
  a.out(dx, al).jmp("next");
  a.label("out16");
  a.out(dx, ax).jmp("next");
  a.label("out32");
  a.out(dx, eax).jmp("next");
  a.label("in");
  a.xor(eax, eax).cmp(cl, 2).je("in16").ja("in32");
  a.in(al, dx).jmp("print");
  a.label("in16");
  a.in(ax, dx).jmp("print");
  a.label("in32");
  a.in(eax, dx);
  a.label("print");
  a.mov(ebx, eax).mov(ecx, 8);
  a.label("digit");
  a.rol(ebx, 4)
    .mov(edi, ebx)
    .and(edi, 15)
    .mov(al, byte(edi, { disp: "digits" }));
  a.out(0xe9, al).dec(ecx).jnz("digit").mov(al, 10).out(0xe9, al).jmp("next");
  a.label("done");
  a.mov(dx, DEBUG_EXIT).xor(eax, eax).out(dx, eax);
  a.label("halt");
  a.hlt().jmp("halt");
  a.label("digits");
  a.db("0123456789abcdef");
  return linkElf({
    objects: [a.object()],
    segments: [
      {
        name: "image",
        flags: "rwx",
        vaddr: 0x100000n,
        sections: [".multiboot", ".text"],
      },
    ],
    entry: "entry",
    class: 32,
  });
}

/** What a script's guest has printed, a line for each read, in the bits that are compared. */
export function shown(script: readonly Access[], output: string): string[] {
  const reads = script.filter((a) => a[0] === "in" || a[0] === "load");
  const lines = output.split("\n");
  return reads.map((a, i) => {
    const mask = (a[0] === "load" || a[0] === "in" ? a[3] : undefined) ?? -1;
    const value = lines[i] === undefined || lines[i] === "" ? "nothing" : lines[i];
    const bits = (Number.parseInt(value as string, 16) & mask) >>> 0;
    return `${i}: ${a[0]} ${a[1].toString(16)} ${value === "nothing" ? value : bits.toString(16)}`;
  });
}
