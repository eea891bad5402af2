// Addresses of symbols of the same ELF file (docs/toolchain.md, import module `symbol`).

/** The stub every portal of the roottask enters at (asm/roottask.ts). */
export declare function portal_entry(): u64;
