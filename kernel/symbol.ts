// Addresses of symbols in the linked image: `symbol.NAME()` is the 64-bit virtual address of NAME.

/** Tables of source lines (source_line.ts): rows, their end, names of files; scopes and their names. */
export declare function kernel_lines(): u64;
export declare function kernel_lines_end(): u64;
export declare function kernel_line_files(): u64;
export declare function kernel_scopes(): u64;
export declare function kernel_scope_names(): u64;
/** Table of frames (backtrace.ts): rows, their end. */
export declare function kernel_frames(): u64;
export declare function kernel_frames_end(): u64;
export declare function kernel_main(): u64;
/** First of 256 interrupt entry stubs, ISR_STRIDE bytes apart. */
export declare function isr_stubs(): u64;
/** The same for CPUs with SMAP: they clear AC first. */
export declare function isr_stubs_smap(): u64;
export declare function syscall_entry(): u64;
/** Where rdmsr_safe and wrmsr_safe may fault, and where they continue then. */
export declare function rdmsr_fault(): u64;
export declare function wrmsr_fault(): u64;
export declare function msr_fault_resume(): u64;
/** Trampoline for application processors, a physical address: copied to AP_START. */
export declare function ap_trampoline(): u64;
/** The word that tells a starting processor its Cpu object. */
export declare function ap_cpu(): u64;
/** The word that tells it, if not 0, that it is the boot CPU and wakes up from a sleep state. */
export declare function ap_wakes(): u64;
/** Not 0: local APICs are in x2APIC mode, which the stub that ends the TLB interrupt has to know. */
export declare function lapic_x2(): u64;
/** Where the boot CPU's first stack begins; its end is KERNEL_STACK_SIZE above. */
export declare function boot_stack(): u64;
/** An empty page for the page directory of the screen's mapping: a physical address. */
export declare function screen_directory(): u64;
/** Page-table root with the window alone (no identity mapping): a physical address. */
export declare function kernel_pml4(): u64;
