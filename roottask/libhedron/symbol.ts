// Addresses of symbols of the same ELF file (docs/toolchain.md, import module `symbol`).

/** The stub every portal of the roottask enters at (asm/roottask.ts). */
export declare function portal_entry(): u64;
/** Entry of the EC that listens at the serial line. */
export declare function listen_entry(): u64;

/** The stub that the portals of the raw echo service enter at. */
export declare function raw_echo_entry(): u64;

/** Entry of the portal that stores extended state at the address that is its id (linux/extended_state.ts). */
export declare function state_entry(): u64;

/** The stack that the roottask starts on. */
export declare function stack_bottom(): u64;
export declare function stack_top(): u64;

/** What programs are given (mediator/image.ts, mediator/vdso_image.ts). */
export declare function mediator_image(): u64;
export declare function vdso_image(): u64;
export declare function vdso_image_end(): u64;

/** The code around signal handlers (asm/signals.ts), and places in it. */
export declare function signal_code(): u64;
export declare function signal_code_end(): u64;
export declare function signal_enter(): u64;
export declare function signal_leave(): u64;
export declare function signal_left(): u64;
export declare function signal_initial(): u64;
