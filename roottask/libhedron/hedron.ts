// The hypercall instruction, provided by the compiler (docs/toolchain.md, import module `hedron`).

/** SYSCALL with ARG1…ARG5 in RDI, RSI, RDX, RAX and R8; returns OUT1 (RDI). */
export declare function hypercall(arg1: u64, arg2: u64, arg3: u64, arg4: u64, arg5: u64): u64;
