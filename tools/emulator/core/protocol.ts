// Numbers that the core (AssemblyScript) and the platform tell each other across `interface.ts`. Plain
// constants, so that both sides take them from here.

/** Kinds of a 4 KiB page of guest-physical address space below 4 GiB. */
export const PAGE_MMIO = 0;
export const PAGE_RAM = 1;
export const PAGE_ROM = 2;

/** Why `run` returned: the time given to it has been reached. */
export const EXIT_DEADLINE = 0;
/** Every CPU waits in HLT (or for SIPI); `time()` has not reached the deadline. */
export const EXIT_IDLE = 1;
/** A device asked for it through `request_exit`. */
export const EXIT_REQUESTED = 2;
/** Triple fault on `exit_cpu()`. */
export const EXIT_TRIPLE_FAULT = 3;
/** Something that is not implemented; `exit_cpu()`, RIP and `exit_detail()` say what. */
export const EXIT_UNIMPLEMENTED = 4;
/** Every CPU halts with interrupts off and no NMI, INIT or SIPI can arrive: nothing will ever happen again. */
export const EXIT_DEAD = 5;
/** A breakpoint, watchpoint or single step set by the debugger. */
export const EXIT_DEBUG = 6;

/** Events of `trace`; bit n of `set_trace`'s mask turns on event n. An interrupt or exception is delivered. */
export const TRACE_INTERRUPT = 0;
/** A CPU is reset by INIT or started by SIPI. */
export const TRACE_RESET = 1;
/** A block has been decoded. */
export const TRACE_DECODED = 2;
/** A block is about to execute. */
export const TRACE_EXECUTED = 3;

/** Kinds of delivered events: an exception, an external interrupt, an INT instruction. */
export const KIND_HARDWARE = 0;
export const KIND_EXTERNAL = 1;
export const KIND_SOFTWARE = 2;

/** APIC delivery modes, Intel SDM vol. 3A, 11.6.1 (ICR bits 10:8). */
export const DELIVERY_FIXED = 0;
export const DELIVERY_LOWEST = 1;
export const DELIVERY_SMI = 2;
export const DELIVERY_NMI = 4;
export const DELIVERY_INIT = 5;
export const DELIVERY_STARTUP = 6;
export const DELIVERY_EXTINT = 7;

/** Most CPUs of a machine. */
export const MAX_CPUS = 32;
