// Operations of futex(2) that both the roottask and mediators know, include/uapi/linux/futex.h.

export const FUTEX_WAIT: u32 = 0;
export const FUTEX_WAKE: u32 = 1;
/** The operation without its flags. */
export const FUTEX_COMMAND: u32 = 0x7f;
/** Only threads of the caller's address space use the futex. */
export const FUTEX_PRIVATE: u32 = 128;
