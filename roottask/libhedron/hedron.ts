// The hypercall instruction, provided by the compiler (docs/toolchain.md, import module `hedron`).

/** SYSCALL with ARG1…ARG5 in RDI, RSI, RDX, RAX and R8; returns OUT1 (RDI). */
export declare function hypercall(arg1: u64, arg2: u64, arg3: u64, arg4: u64, arg5: u64): u64;

/** The same; OUT2 (RSI) and OUT3 (RDX) go to the two words at `out`. */
export declare function hypercall3(
  arg1: u64,
  arg2: u64,
  arg3: u64,
  arg4: u64,
  arg5: u64,
  out: usize,
): u64;
