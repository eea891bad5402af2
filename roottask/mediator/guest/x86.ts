// Machine instructions the compiler emits inline (docs/toolchain.md, import module `x86`). Programs' memory is beyond
// the 4 GiB of wasm pointers, so that everything is reached by these.

export declare function load32(address: u64): u64;
export declare function load64(address: u64): u64;
export declare function store32(address: u64, value: u64): void;
export declare function store64(address: u64, value: u64): void;
export declare function rdtsc(): u64;
