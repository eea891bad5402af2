// RFLAGS as programs of the roottask have them. Follows Intel SDM vol. 1, 3.4.3.

/** Single step. */
export const RFLAGS_TF: u64 = 0x100;
/** Strings go downwards. */
export const RFLAGS_DF: u64 = 0x400;
/** What every program has: interrupts on, and the bit that is always set. */
export const RFLAGS_FIXED: u64 = 0x202;
