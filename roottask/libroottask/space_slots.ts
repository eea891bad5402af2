// Slots of address spaces, by which their PDs have selectors.

/** Spaces there can be at a time: two per program, which has both while execve(2) replaces one by the other. */
export const SPACES_MAX: u32 = 2046;

const slots = memory.data(2048);

/** Must be called first. */
export function initSpaceSlots(): void {
  memory.fill(slots, 0, SPACES_MAX + 1);
}

/** A free slot, 1…SPACES_MAX, which is taken then, or 0. */
export function takeSpaceSlot(): u32 {
  for (let slot: u32 = 1; slot <= SPACES_MAX; slot++) {
    if (load<u8>(slots + slot) !== 0) continue;
    store<u8>(slots + slot, 1);
    return slot;
  }
  return 0;
}

export function freeSpaceSlot(slot: u32): void {
  store<u8>(slots + slot, 0);
}
