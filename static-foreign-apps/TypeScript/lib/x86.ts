// Access to memory outside the program's own window (docs/toolchain.md, import module `x86`).

export declare function load8(address: u64): u64;
export declare function load64(address: u64): u64;
export declare function store32(address: u64, value: u64): void;
export declare function store64(address: u64, value: u64): void;
/** Absolute address of the program's address 0. */
export declare function window(): u64;
