// Functions in assembler (../asm.ts).

/** A system call with two arguments. */
export declare function system_call(number: u64, first: u64, second: u64): i64;
