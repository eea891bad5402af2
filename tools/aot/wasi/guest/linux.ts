// The Linux system call instruction, provided by the compiler (docs/toolchain.md, import module `linux`), and the
// numbers of the calls that are used (arch/x86/entry/syscalls/syscall_64.tbl).

/** Raw system call; pointers are absolute virtual addresses. Returns the result or a negative error. */
export declare function syscall(
  number: u64,
  a1: u64,
  a2: u64,
  a3: u64,
  a4: u64,
  a5: u64,
  a6: u64,
): i64;

/** RSP at process entry: argc, argv, envp, auxiliary vector. */
export declare function stack(): u64;
