// Object selectors of the roottask: a few of its own behind the kernel's, then one block per process.

export const SEL_LOCK: u64 = 64;
export const SEL_PARK: u64 = 65;
export const SEL_OWN_HANDLER: u64 = 66;

const PROCESS_BASE: u64 = 0x1000;
/** Selectors per process, as an order. */
export const PROCESS_ORDER: u64 = 7;

/** Positions in a process's block; the 32 event portals come first, aligned to be delegated at once. */
export const BLOCK_EVENTS: u64 = 0;
export const BLOCK_SERVICES: u64 = 32;
export const BLOCK_SYSCALL: u64 = 48;
export const BLOCK_PD: u64 = 49;
export const BLOCK_EC: u64 = 50;
export const BLOCK_SC: u64 = 51;
export const BLOCK_HANDLER: u64 = 52;
export const BLOCK_DONE: u64 = 53;
export const BLOCK_SLEEP: u64 = 54;

/** First selector of the block of process `id` (1, 2, …). */
export function processBlock(id: u32): u64 {
  return PROCESS_BASE + ((id as u64) << PROCESS_ORDER);
}
