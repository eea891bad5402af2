// Readiness, as poll(2) has it (include/uapi/asm-generic/poll.h).

export const POLLIN: u32 = 1;
export const POLLPRI: u32 = 2;
export const POLLOUT: u32 = 4;
export const POLLERR: u32 = 8;
export const POLLHUP: u32 = 16;
export const POLLNVAL: u32 = 32;
export const POLLRDNORM: u32 = 64;
export const POLLWRNORM: u32 = 256;
export const POLLRDHUP: u32 = 0x2000;
/** Never a reason to wait. */
export const POLL_READY: u32 = POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
