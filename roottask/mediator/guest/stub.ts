// Functions in assembler (../asm.ts).

/** Copies `bytes` bytes, which do not overlap. */
export declare function copy(to: u64, from: u64, bytes: u64): void;
/** Makes `bytes` bytes zeroes. */
export declare function wipe(at: u64, bytes: u64): void;
/** Makes everything from `bottom`, a multiple of 8, up to the caller's part of the stack zeroes. */
export declare function wipe_stack(bottom: u64): void;
/** A system call with two arguments. */
export declare function system_call(number: u64, first: u64, second: u64): i64;
