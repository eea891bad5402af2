// The place of the hand-off: memory below 4 GiB outside of all destinations, from where the last moves are made and
// the kernel is entered. The core writes what is to be done, the stub (asm/hand-off.ts) the rest. Constants only:
// guest and host import it. Offsets in bytes.

/** The code that runs there, which the stub copies. */
export const PLACE_CODE = 0;
/** What is to be done, u64 each: way of entering, entry point, then registers; the others are 0. */
export const PLACE_WAY = 0x1000;
export const PLACE_ENTRY = 0x1008;
export const PLACE_RAX = 0x1010;
export const PLACE_RBX = 0x1018;
export const PLACE_RSI = 0x1020;
/** Number of moves. */
export const PLACE_MOVES = 0x1028;
/** Descriptor table and what LGDT and LIDT read. */
export const PLACE_GDT = 0x1040;
export const PLACE_GDT_POINTER = 0x1060;
export const PLACE_IDT_POINTER = 0x1070;
/** The stack grows down from here. */
export const PLACE_STACK = 0x2000;
/** Page tables for the low 4 GiB at their own addresses: PML5, PML4, PDPT, four page directories. */
export const PLACE_PML5 = 0x2000;
export const PLACE_PML4 = 0x3000;
export const PLACE_PDPT = 0x4000;
export const PLACE_DIRECTORIES = 0x5000;
/** The moves, in the order in which they are made: u64 to, from, bytes copied, bytes zeroed behind them. */
export const PLACE_LIST = 0x9000;
export const MOVE_BYTES = 32;

/** Ways of entering: 32-bit protected mode without paging; 64-bit mode with the low 4 GiB mapped to themselves. */
export const ENTER_32 = 0;
export const ENTER_64 = 1;
/** 64-bit mode just as it is, with the firmware's services going on: no moves. */
export const ENTER_AS_IS = 2;
