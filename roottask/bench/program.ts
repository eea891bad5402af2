// The Linux program behind the table of calls: it makes each system call over and over. Made with the assembler, so
// that a round is the call and three instructions around it.

import {
  Assembler,
  eax,
  ebx,
  edi,
  edx,
  esi,
  r8d,
  r9d,
  r10d,
  r12,
  rax,
  rdi,
  rip,
  rsi,
  rsp,
} from "../../tools/asm/index.ts";
import { linkElf } from "../../tools/elf/index.ts";
import {
  SYS_brk,
  SYS_clock_gettime,
  SYS_exit,
  SYS_getpid,
  SYS_getrandom,
  SYS_gettid,
  SYS_getuid,
  SYS_lseek,
  SYS_mmap,
  SYS_open,
  SYS_pread64,
  SYS_read,
  SYS_sched_yield,
  SYS_set_tid_address,
} from "../linux/numbers.ts";

export interface Call {
  name: string;
  /** Puts the arguments where system calls have them; RBX is the count of rounds. */
  prepare(a: Assembler): void;
  number: number;
}

const BUFFER = "buffer";
/** Bytes of the file that is read, and of its pieces. */
export const FILE_BYTES = 1 << 20;
const PIECE = 4096;
/** The descriptor that the first open gets. */
const FILE = 3;
const CLOCK_MONOTONIC = 1;

const READ_WRITE = 3;
const PRIVATE_ANONYMOUS = 0x22;

/** The calls that are counted, `floor` first: the one that does least in the personality. */
export const calls: readonly Call[] = [
  { name: "getpid", number: SYS_getpid, prepare: () => {} },
  { name: "gettid", number: SYS_gettid, prepare: () => {} },
  { name: "getuid", number: SYS_getuid, prepare: () => {} },
  { name: "set_tid_address", number: SYS_set_tid_address, prepare: (a) => void a.xor(edi, edi) },
  {
    name: "clock_gettime",
    number: SYS_clock_gettime,
    prepare: (a) => void a.mov(edi, CLOCK_MONOTONIC).lea(rsi, rip(BUFFER)),
  },
  { name: "brk", number: SYS_brk, prepare: (a) => void a.xor(edi, edi) },
  {
    // R12 is where the break is.
    name: "brk + 4 KiB",
    number: SYS_brk,
    prepare: (a) => void a.add(r12, PIECE).mov(rdi, r12),
  },
  {
    name: "mmap 4 KiB",
    number: SYS_mmap,
    prepare: (a) => {
      a.xor(edi, edi).mov(esi, PIECE).mov(edx, READ_WRITE).mov(r10d, PRIVATE_ANONYMOUS);
      a.mov(r8d, -1).xor(r9d, r9d);
    },
  },
  {
    name: "read 4 KiB",
    number: SYS_read,
    prepare: (a) => void a.mov(edi, FILE).lea(rsi, rip(BUFFER)).mov(edx, PIECE),
  },
  {
    name: "pread 4 KiB",
    number: SYS_pread64,
    prepare: (a) => void a.mov(edi, FILE).lea(rsi, rip(BUFFER)).mov(edx, PIECE).xor(r10d, r10d),
  },
  {
    name: "lseek",
    number: SYS_lseek,
    prepare: (a) => void a.mov(edi, FILE).xor(esi, esi).xor(edx, edx),
  },
  {
    name: "getrandom 16",
    number: SYS_getrandom,
    prepare: (a) => void a.lea(rdi, rip(BUFFER)).mov(esi, 16).xor(edx, edx),
  },
  {
    // Two of them empty what a mediator has ready; the one that is counted fills it again.
    name: "getrandom 200",
    number: SYS_getrandom,
    prepare: (a) => void a.lea(rdi, rip(BUFFER)).mov(esi, 200).xor(edx, edx),
  },
  { name: "sched_yield", number: SYS_sched_yield, prepare: () => {} },
];

/** Symbols of a call's loop and of the place behind its SYSCALL. */
export const loopSymbol = (name: string): string => `loop: ${name}`;
export const behindSymbol = (name: string): string => `behind: ${name}`;

/** The program, which goes `rounds` rounds of every call. */
export function callProgram(rounds: number): Uint8Array {
  const a = new Assembler({ bits: 64, name: "calls" });
  a.label("_start", { global: true });
  a.lea(rdi, rip("file")).xor(esi, esi).mov(eax, SYS_open).syscall();
  a.sub(rsp, 8);
  a.xor(edi, edi).mov(eax, SYS_brk).syscall().mov(r12, rax);
  for (const { name, prepare, number } of calls) {
    a.mov(ebx, rounds);
    a.label(loopSymbol(name), { global: true });
    prepare(a);
    a.mov(eax, number).syscall();
    a.label(behindSymbol(name), { global: true });
    a.dec(ebx);
    a.jne(loopSymbol(name));
  }
  a.xor(edi, edi).mov(eax, SYS_exit).syscall();
  a.section(".data", { writable: true });
  a.label("file");
  a.db(Buffer.from("/data\0"));
  a.align(PIECE);
  a.label(BUFFER);
  a.space(PIECE);
  return linkElf({
    objects: [a.object()],
    segments: [
      { name: "text", flags: "rx", vaddr: 0x40_0000n, sections: [".text"] },
      { name: "data", flags: "rw", sections: [".data"] },
    ],
    entry: "_start",
    class: 64,
  });
}
