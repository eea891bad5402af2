// Machine instructions that the compiler emits inline (docs/toolchain.md, import module `x86`), those of this room:
// accesses at absolute virtual addresses, so that it does not matter where linear memory lies, and ports.

export declare function inb(port: i32): i32;
export declare function outb(port: i32, value: i32): void;
export declare function load8(address: u64): u64;
export declare function load16(address: u64): u64;
export declare function store16(address: u64, value: u64): void;
export declare function store32(address: u64, value: u64): void;
export declare function store64(address: u64, value: u64): void;
