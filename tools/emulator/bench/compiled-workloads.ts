// Benchmarks that look like real programs: guests/*.c, compiled at -O2, in long mode and in protected mode.

import { eax, edi, esi, r15d, rax } from "../../asm/index.ts";
import { type Bits, type Compiler, compileGuest, GUEST_ADDRESS } from "./compiler.ts";
import type { Workload } from "./workload.ts";

interface Guest {
  name: string;
  what: string;
  rounds: number;
  /** File in guests/, if it is not called like the benchmark. */
  source?: string;
  defines?: string[];
  /** Which of these are compiled: 64-bit code alone by default. */
  bits?: readonly Bits[];
  cpus?: 2;
}

const BOTH: readonly Bits[] = [64, 32];

const GUESTS: readonly Guest[] = [
  { name: "sha256", what: "SHA-256 of 64 KiB, in 32-bit rotations", rounds: 300_000, bits: BOTH },
  { name: "quicksort", what: "4096 random numbers", rounds: 1200, bits: BOTH },
  { name: "matmul", what: "96 × 96 doubles, SSE2", rounds: 360, bits: BOTH },
  { name: "bytecode", what: "stack machine with computed jumps", rounds: 1500 },
  { name: "fib", what: "calls and returns", rounds: 150 },
  { name: "sieve", what: "primes up to 65536", rounds: 1500, bits: BOTH },
  { name: "dispatch", what: "calls through a table", rounds: 2_000_000, bits: BOTH },
  { name: "x87", what: "Mandelbrot set in 80 bits", rounds: 40_000, bits: BOTH },
  {
    name: "rep strings",
    what: "REP MOVSB, STOSB, buffers 2^n apart",
    source: "copy",
    rounds: 1_500,
    bits: BOTH,
  },
  {
    name: "chase 4M",
    what: "chain of pointers through 4 MiB",
    source: "chase",
    defines: ["BYTES=0x400000"],
    rounds: 12_000,
    bits: BOTH,
  },
  {
    name: "chase 64M",
    what: "chain of pointers through 64 MiB",
    source: "chase",
    defines: ["BYTES=0x4000000"],
    rounds: 3_000,
    bits: BOTH,
  },
  { name: "selfmod", what: "a constant rewritten before each call", rounds: 600_000, bits: BOTH },
  { name: "lisp", what: "interpreter on a program text", rounds: 400 },
  {
    name: "sha256 on 2 CPUs",
    what: "both busy at once",
    source: "sha256",
    rounds: 150_000,
    cpus: 2,
  },
];

async function workloadOf(compiler: Compiler, guest: Guest, bits: Bits): Promise<Workload> {
  const { name, what, rounds, source = name, defines, cpus } = guest;
  const { bytes, entry } = await compileGuest(compiler, source, bits, defines);
  return {
    name: bits === 32 ? `${name} (32-bit)` : name,
    what,
    rounds,
    bits,
    image: { bytes, address: GUEST_ADDRESS, entry },
    ...(cpus === undefined ? {} : { cpus }),
    code(a) {
      // The first argument, as both calling conventions have it.
      if (bits === 64) a.mov(edi, r15d).mov(eax, entry).jmp(rax);
      else a.push(esi).mov(eax, entry).call(eax).pop(esi).ret();
    },
  };
}

/** All benchmarks in C, compiled. */
export async function compiledWorkloads(compiler: Compiler): Promise<Workload[]> {
  const made: Workload[] = [];
  for (const bits of BOTH) {
    for (const guest of GUESTS) {
      if ((guest.bits ?? [64]).includes(bits)) made.push(await workloadOf(compiler, guest, bits));
    }
  }
  return made;
}
