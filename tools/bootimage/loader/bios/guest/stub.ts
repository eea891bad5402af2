// The stubs of the BIOS loader's own (asm/bios-call.ts).

/** Software interrupt `vector` in real mode; `registers` is a block of class `Registers`. */
export declare function bios_call(vector: i32, registers: usize): void;
/** Waits in real mode until a hardware interrupt has been handled; the block is that of `bios_call`. */
export declare function bios_wait(registers: usize): void;
