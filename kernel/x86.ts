// Machine instructions as imports: the wasm module `x86` of docs/toolchain.md, emitted inline by the
// compiler, mocked by the unit tests.

export declare function inb(port: i32): i32;
export declare function inw(port: i32): i32;
export declare function inl(port: i32): i32;
export declare function outb(port: i32, value: i32): void;
export declare function outw(port: i32, value: i32): void;
export declare function outl(port: i32, value: i32): void;
export declare function rdmsr(msr: i32): u64;
export declare function wrmsr(msr: i32, value: u64): void;
export declare function rdtsc(): u64;
/** Stores EAX, EBX, ECX, EDX as four u32 at `out`. */
export declare function cpuid(leaf: i32, subleaf: i32, out: usize): void;
export declare function pause(): void;
export declare function cli(): void;
export declare function hlt(): void;
/** Traps. */
export declare function ud2(): void;
export declare function wbinvd(): void;
export declare function mfence(): void;
export declare function cr0(): u64;
export declare function cr2(): u64;
export declare function cr3(): u64;
export declare function cr4(): u64;
export declare function set_cr0(value: u64): void;
export declare function set_cr3(value: u64): void;
export declare function set_cr4(value: u64): void;
export declare function invlpg(address: u64): void;
export declare function xsetbv(index: i32, value: u64): void;
export declare function fxsave(address: u64): void;
export declare function fxrstor(address: u64): void;
export declare function xsave(address: u64, mask: u64): void;
export declare function xsaveopt(address: u64, mask: u64): void;
export declare function xrstor(address: u64, mask: u64): void;
export declare function lgdt(address: u64): void;
export declare function lidt(address: u64): void;
export declare function ltr(selector: i32): void;
/** Only where CR4.FSGSBASE is set. */
export declare function rdfsbase(): u64;
export declare function wrfsbase(value: u64): void;
export declare function rdgsbase(): u64;
export declare function wrgsbase(value: u64): void;
export declare function swapgs(): void;
export declare function gs_load64(offset: i32): u64;
/** Accesses the compiler neither removes nor reorders, at a virtual address: device registers, words other CPUs write. */
export declare function load32(address: u64): u64;
export declare function load64(address: u64): u64;
export declare function store32(address: u64, value: u64): void;
/** Virtual address of linear memory offset 0. */
export declare function window(): u64;
