// Numbers of seccomp(2), include/uapi/linux/seccomp.h.

/** How a thread is watched. */
export const MODE_NONE: u32 = 0;
export const MODE_STRICT: u32 = 1;
export const MODE_FILTER: u32 = 2;

/** What a filter says of a call, in the upper half; the lower one is data of the answer. */
export const RET_KILL_PROCESS: u32 = 0x8000_0000;
export const RET_KILL_THREAD: u32 = 0;
export const RET_TRAP: u32 = 0x0003_0000;
export const RET_ERRNO: u32 = 0x0005_0000;
export const RET_USER_NOTIF: u32 = 0x7fc0_0000;
export const RET_TRACE: u32 = 0x7ff0_0000;
export const RET_LOG: u32 = 0x7ffc_0000;
export const RET_ALLOW: u32 = 0x7fff_0000;
/** The answer, with its sign: the lower, the stricter. */
export const RET_ACTION: u32 = 0xffff_0000;
