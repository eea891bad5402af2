// Addresses of symbols of the same ELF file (docs/toolchain.md, import module `symbol`).

/** The stub every portal of the roottask enters at (asm/roottask.ts). */
export declare function portal_entry(): u64;

/** The stub that the portals of the raw echo service enter at. */
export declare function raw_echo_entry(): u64;

/** The stack that the roottask starts on. */
export declare function stack_bottom(): u64;
export declare function stack_top(): u64;
