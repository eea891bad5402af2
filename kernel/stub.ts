// Functions written in assembly (kernel/asm), called by the System V convention.

/** Releases the kernel lock, waits with interrupts on until one has been handled, takes the lock again. */
export declare function idle(): void;
/** Releases the kernel lock and takes it again, with interrupts on in between. */
export declare function open_window(): void;
/** RDMSR that survives #GP: stores the value at `out` and returns 1, or returns 0. */
export declare function rdmsr_safe(msr: i32, out: usize): i32;
/** WRMSR that survives #GP: 1 if it took place. */
export declare function wrmsr_safe(msr: i32, value: u64): i32;
