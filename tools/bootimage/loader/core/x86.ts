// Machine instructions as imports: the wasm module `x86` of docs/toolchain.md, emitted inline by the
// compiler, mocked by the unit tests.

export declare function inb(port: i32): i32;
export declare function outb(port: i32, value: i32): void;
/** Stores EAX, EBX, ECX, EDX as four u32 at `out`. */
export declare function cpuid(leaf: i32, subleaf: i32, out: usize): void;
export declare function pause(): void;
/** Accesses to physical memory, in the order in which they stand. */
export declare function load8(address: u64): u64;
export declare function load16(address: u64): u64;
export declare function load32(address: u64): u64;
export declare function load64(address: u64): u64;
export declare function store8(address: u64, value: u64): void;
export declare function store16(address: u64, value: u64): void;
export declare function store32(address: u64, value: u64): void;
export declare function store64(address: u64, value: u64): void;
/** Physical address of linear memory offset 0: `window() + <u64>pointer` is where a pointer's memory is. */
export declare function window(): u64;
