// Functions written in assembly (kernel/asm), called by the System V convention.

/** Releases the kernel lock, waits with interrupts on until one has been handled, takes the lock again. */
export declare function idle(): void;
/** RDMSR that survives #GP: stores the value at `out` and returns 1, or returns 0. */
export declare function rdmsr_safe(msr: i32, out: usize): i32;
/** WRMSR that survives #GP: 1 if it took place. */
export declare function wrmsr_safe(msr: i32, value: u64): i32;
/** RDFSBASE and WRFSBASE; only where CR4.FSGSBASE is set. */
export declare function rdfsbase(): u64;
export declare function wrfsbase(value: u64): void;
/** The user's GS base while in the kernel: RDGSBASE and WRGSBASE between two SWAPGS. */
export declare function rdgsbase_user(): u64;
export declare function wrgsbase_user(value: u64): void;
