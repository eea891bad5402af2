// Operations of futex(2) that both the roottask and mediators know, include/uapi/linux/futex.h.

export const FUTEX_WAIT: u32 = 0;
export const FUTEX_WAKE: u32 = 1;
/** Only threads of the caller's address space use the futex. */
export const FUTEX_PRIVATE: u32 = 128;
/** Time limits are times of day: of operations whose limit is a time, all others with it are refused. */
export const FUTEX_CLOCK_REALTIME: u32 = 256;
/** The operation without its flags; what else is there makes it an unknown one. */
export const FUTEX_COMMAND: u32 = ~(FUTEX_PRIVATE | FUTEX_CLOCK_REALTIME);

/** How many are woken where a program asks for `count`, of which 32 bits count: one at least, whatever it says. */
export function wakeCount(count: u64): u64 {
  return max<i32>(count as i32, 1) as u64;
}

/** What a futex of a lock holds (robust lists, priority inheritance): who has it, that others wait, that the owner died. */
export const FUTEX_TID_MASK: u32 = 0x3fff_ffff;
export const FUTEX_WAITERS: u32 = 0x8000_0000;
export const FUTEX_OWNER_DIED: u32 = 0x4000_0000;
