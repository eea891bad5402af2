// Functions in assembler (../asm.ts).

/** Copies `bytes` bytes, which do not overlap. */
export declare function copy(to: u64, from: u64, bytes: u64): void;
/** A system call with two arguments. */
export declare function system_call(number: u64, first: u64, second: u64): i64;
