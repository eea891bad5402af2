// An EFI application as a Linux process: its sections, loaded and relocated as firmware does it, beside firmware that
// has two services, AllocatePages and FreePages, and a function for each number of arguments. The firmware spoils all
// that the Microsoft x64 convention lets it (UEFI 2.10, 2.3.4.2) and ends the process with a status of its own where
// the application breaks that convention.

import * as r from "../../asm/index.ts";
import { linkMovable, type MovableImage, SegmentFlag } from "../../elf/index.ts";
import { writeImage } from "../../elf/write.ts";
import { MAX_ARGUMENTS } from "../targets/uefi.ts";

/** Where the application is loaded: not where it is linked for, and no multiple of anything but a page. */
export const LOAD_ADDRESS = 0x5_1234_5000n;
const FIRMWARE_ADDRESS = 0x400000n;
/** What the entry point gets as its image handle. */
export const IMAGE_HANDLE = 0x1a2b_3c4d_5e6f;

/** Exit statuses of the firmware. */
export const FIRMWARE_STATUS = {
  notAligned: 97,
  notPreserved: 98,
  notFreed: 96,
  wrongArguments: 95,
} as const;

/** Offset of the function with `count` arguments in the boot services table: behind all that UEFI 2.10 defines. */
export function weighOffset(count: number): number {
  return 0x400 + count * 8;
}

/** What such a function returns: each argument times its number, and the count. */
export function weigh(args: readonly bigint[]): bigint {
  const sum = args.reduce((total, arg, i) => total + arg * BigInt(i + 1), BigInt(args.length));
  return BigInt.asUintN(64, sum);
}

const MMAP = 9;
const MUNMAP = 11;
const EXIT_GROUP = 231;
/** Registers that the Microsoft convention preserves. */
const KEPT = [r.rbx, r.rbp, r.rdi, r.rsi, r.r12, r.r13, r.r14, r.r15];
const KEPT_XMM = [
  r.xmm6,
  r.xmm7,
  r.xmm8,
  r.xmm9,
  r.xmm10,
  r.xmm11,
  r.xmm12,
  r.xmm13,
  r.xmm14,
  r.xmm15,
];
const SPOILED_XMM = [r.xmm0, r.xmm1, r.xmm2, r.xmm3, r.xmm4, r.xmm5];
const marker = (i: number): number => 0x4d41_0000 + i;

function exit(a: r.Assembler, status: number): void {
  a.mov(r.edi, status).mov(r.eax, EXIT_GROUP).syscall();
}

/** The beginning of a function of the firmware: the stack is aligned, the shadow space is the callee's. */
function begin(a: r.Assembler, name: string): void {
  a.label(name, { global: true });
  a.lea(r.rax, r.mem(r.rsp, { disp: 8 }))
    .test(r.al, 15)
    .jnz("not_aligned");
}

/** The end: everything volatile is spoiled, then the result is in RAX. */
function end(a: r.Assembler): void {
  a.mov(r.r11, 0xdead_beefn);
  for (const x of [r.rcx, r.rdx, r.r8, r.r9, r.r10]) a.mov(x, r.r11);
  for (const x of SPOILED_XMM) a.movq(x, r.r11);
  for (let i = 0; i < 4; i++) a.mov(r.qword(r.rsp, { disp: 8 + i * 8 }), r.r11);
  a.ret();
}

function firmwareObject(entry: bigint) {
  const a = new r.Assembler({ bits: 64, name: "firmware" });
  a.section(".text");
  a.label("_start", { global: true });
  KEPT.forEach((x, i) => {
    a.mov(x, marker(i));
  });
  KEPT_XMM.forEach((x, i) => {
    a.mov(r.eax, marker(16 + i)).movq(x, r.rax);
  });
  a.sub(r.rsp, 32);
  a.mov(r.rcx, BigInt(IMAGE_HANDLE)).lea(r.rdx, r.mem(r.rip("system_table")));
  a.mov(r.rax, entry).call(r.rax);
  KEPT.forEach((x, i) => {
    a.cmp(x, marker(i)).jne("not_preserved");
  });
  a.mov(r.r10, r.rax);
  KEPT_XMM.forEach((x, i) => {
    a.movq(r.rax, x)
      .cmp(r.rax, marker(16 + i))
      .jne("not_preserved");
  });
  a.cmp(r.byte(r.rip("in_use")), 0).jne("not_freed");
  a.mov(r.rdi, r.r10).mov(r.eax, EXIT_GROUP).syscall();
  for (const [label, status] of [
    ["not_aligned", FIRMWARE_STATUS.notAligned],
    ["not_preserved", FIRMWARE_STATUS.notPreserved],
    ["not_freed", FIRMWARE_STATUS.notFreed],
    ["wrong_arguments", FIRMWARE_STATUS.wrongArguments],
  ] as const) {
    a.label(label);
    exit(a, status);
  }

  begin(a, "allocate_pages");
  a.cmp(r.ecx, 1).jne("wrong_arguments").cmp(r.edx, 2).jne("wrong_arguments");
  a.mov(r.rax, r.qword(r.r9)).mov(r.r10d, 0xffff_ffff).cmp(r.rax, r.r10).jne("wrong_arguments");
  a.push(r.rdi).push(r.rsi).push(r.r8).push(r.r9);
  // mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0)
  a.xor(r.edi, r.edi).mov(r.rsi, r.r8).shl(r.rsi, 12).mov(r.edx, 3).mov(r.r10d, 0x62);
  a.mov(r.r8, -1).xor(r.r9d, r.r9d).mov(r.eax, MMAP).syscall();
  a.pop(r.r9).pop(r.rcx).mov(r.qword(r.r9), r.rax);
  // Pages come with whatever was in them.
  a.mov(r.rdi, r.rax).shl(r.rcx, 12).mov(r.eax, 0xa5).rep.stosb();
  a.pop(r.rsi)
    .pop(r.rdi)
    .mov(r.byte(r.rip("in_use")), 1)
    .xor(r.eax, r.eax);
  end(a);

  begin(a, "free_pages");
  a.push(r.rdi).push(r.rsi).mov(r.rdi, r.rcx).mov(r.rsi, r.rdx).shl(r.rsi, 12);
  a.mov(r.eax, MUNMAP).syscall();
  a.pop(r.rsi)
    .pop(r.rdi)
    .mov(r.byte(r.rip("in_use")), 0);
  end(a);

  const registers = [r.rcx, r.rdx, r.r8, r.r9];
  for (let count = 0; count <= MAX_ARGUMENTS; count++) {
    begin(a, `weigh${count}`);
    a.mov(r.eax, count);
    for (let i = 0; i < count; i++) {
      a.imul(r.r11, registers[i] ?? r.qword(r.rsp, { disp: 8 + i * 8 }), i + 1).add(r.rax, r.r11);
    }
    end(a);
  }

  a.section(".data");
  a.label("in_use");
  a.dq(0);
  a.label("system_table");
  const words = (count: number): number[] => new Array(count).fill(0);
  a.dq(...words(12), "boot_services", ...words(2));
  a.label("boot_services");
  a.dq(...words(5), "allocate_pages", "free_pages", ...words((weighOffset(0) - 56) / 8));
  for (let count = 0; count <= MAX_ARGUMENTS; count++) a.dq(`weigh${count}`);
  return a.object();
}

/** A section of the application in memory. */
interface Loaded {
  vaddr: bigint;
  data: Uint8Array;
  flags: number;
}

/** The sections at `LOAD_ADDRESS`, relocated there. */
function load(pe: Uint8Array): { sections: Loaded[]; entry: bigint } {
  const view = new DataView(pe.buffer, pe.byteOffset, pe.length);
  const header = view.getUint32(0x3c, true) + 4;
  const optional = header + 20;
  const base = view.getBigUint64(optional + 24, true);
  const table = optional + view.getUint16(header + 16, true);
  const memory = new Uint8Array(view.getUint32(optional + 56, true));
  const sections = Array.from({ length: view.getUint16(header + 2, true) }, (_, i) => {
    const at = table + i * 40;
    const [memSize, address, fileSize, offset] = [8, 12, 16, 20].map((x) =>
      view.getUint32(at + x, true),
    ) as [number, number, number, number];
    memory.set(pe.subarray(offset, offset + Math.min(fileSize, memSize)), address);
    return { address, memSize, flags: view.getUint32(at + 36, true) };
  });
  const image = new DataView(memory.buffer);
  const relocations = view.getUint32(optional + 112 + 5 * 8, true);
  const end = relocations + view.getUint32(optional + 112 + 5 * 8 + 4, true);
  for (let block = relocations; block < end; block += image.getUint32(block + 4, true)) {
    const page = image.getUint32(block, true);
    for (let at = block + 8; at < block + image.getUint32(block + 4, true); at += 2) {
      const entry = image.getUint16(at, true);
      if (entry >> 12 !== 10) continue;
      const field = page + (entry & 0xfff);
      const value = image.getBigUint64(field, true) - base + LOAD_ADDRESS;
      image.setBigUint64(field, value, true);
    }
  }
  return {
    entry: LOAD_ADDRESS + BigInt(view.getUint32(optional + 16, true)),
    sections: sections.map(({ address, memSize, flags }) => ({
      vaddr: LOAD_ADDRESS + BigInt(address),
      data: memory.slice(address, address + memSize),
      flags:
        SegmentFlag.Read |
        (flags & 0x2000_0000 ? SegmentFlag.Execute : 0) |
        (flags & 0x8000_0000 ? SegmentFlag.Write : 0),
    })),
  };
}

/** A static Linux executable that runs the application; its exit status is the low byte of the application's. */
export function firmwareProcess(pe: Uint8Array): Uint8Array {
  const { sections, entry } = load(pe);
  const { image }: MovableImage = linkMovable({
    objects: [firmwareObject(entry)],
    segments: [
      { name: "text", flags: "rx", vaddr: FIRMWARE_ADDRESS, sections: [".text"] },
      { name: "data", flags: "rw", sections: [".data"] },
    ],
    entry: "_start",
  });
  const segments = sections.map(({ vaddr, data, flags }) => ({
    vaddr,
    paddr: vaddr,
    data,
    memSize: data.length,
    flags,
  }));
  return writeImage({ ...image, segments: [...image.segments, ...segments] });
}
