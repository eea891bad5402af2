// Machine instructions the compiler emits inline (docs/toolchain.md, import module `x86`); only those
// that user programs of this room need.

export declare function inb(port: i32): i32;
export declare function outb(port: i32, value: i32): void;
export declare function outw(port: i32, value: i32): void;
export declare function rdtsc(): u64;
/** CPUID: EAX, EBX, ECX, EDX as four u32 at `out`. */
export declare function cpuid(leaf: i32, subleaf: i32, out: usize): void;
export declare function load8(address: u64): u64;
export declare function load16(address: u64): u64;
export declare function load32(address: u64): u64;
export declare function load64(address: u64): u64;
export declare function store8(address: u64, value: u64): void;
export declare function store16(address: u64, value: u64): void;
export declare function store32(address: u64, value: u64): void;
export declare function store64(address: u64, value: u64): void;
export declare function ud2(): void;
export declare function pause(): void;
export declare function window(): u64;
