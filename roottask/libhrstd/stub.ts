// Functions written in assembly (asm/measuring.ts), called by the System V convention.

/** The time-stamp counter when everything before is done; a repetition begins. */
export declare function measure_begin(): u64;
/** The same; a repetition ends. */
export declare function measure_end(): u64;
