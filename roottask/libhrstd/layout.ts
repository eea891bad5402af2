// What every program of the runtime environment finds at a fixed place: capability selectors, service
// numbers, addresses. Values are those of the published runtime environment (libhrstd: cap_space/user.rs,
// service_ids.rs, uaddress_space.rs, rt/services), so that its programs run here. What is not published is
// marked as ours.

/** Selectors in a program's object space; events are 0…31. */
export const SEL_EVENTS: u64 = 0;
export const SEL_PD: u64 = 32;
export const SEL_EC: u64 = 33;
export const SEL_SC: u64 = 34;
export const SEL_ALLOCATE: u64 = 35;
export const SEL_STDOUT: u64 = 36;
export const SEL_STDERR: u64 = 37;
export const SEL_FILES: u64 = 38;
export const SEL_ECHO: u64 = 39;
export const SEL_RAW_ECHO: u64 = 40;
/** Ours: ends a native program; the first message word is its status. */
export const SEL_EXIT: u64 = 41;
/** System calls of a foreign program on CPU n go to portal 50 + n. */
export const SEL_FOREIGN: u64 = 50;

/** Services, as the roottask numbers them. */
export const SERVICE_STDOUT: u32 = 0;
export const SERVICE_STDERR: u32 = 1;
export const SERVICE_ALLOCATE: u32 = 2;
export const SERVICE_FILES: u32 = 3;
export const SERVICE_ECHO: u32 = 4;
export const SERVICE_RAW_ECHO: u32 = 5;
export const SERVICE_EXIT: u32 = 6;
export const SERVICES: u32 = 7;

/** The UTCB of a program's main EC; the stack ends below it. */
export const UTCB_ADDRESS: u64 = 0x7fff_ffff_e000;
export const STACK_TOP: u64 = UTCB_ADDRESS;

/** Set in the environment of every foreign program, so that a hybrid one knows where it runs. */
export const HEDRON_ENVIRONMENT: string = "LINUX_UNDER_HEDRON=true";

/** Requests of the allocation service (variant numbers on the wire). */
export const ALLOCATE_ALLOC: u64 = 0;
export const ALLOCATE_FREE: u64 = 1;

/** Requests of the file service. */
export const FILES_OPEN: u64 = 0;
export const FILES_READ: u64 = 1;
export const FILES_SEEK: u64 = 2;
export const FILES_WRITE: u64 = 3;
export const FILES_CLOSE: u64 = 4;
/** Ours: those that follow. */
export const FILES_STAT: u64 = 5;
export const FILES_STAT_OPEN: u64 = 6;
export const FILES_UNLINK: u64 = 7;
export const FILES_MAKE_DIRECTORY: u64 = 8;
export const FILES_REMOVE_DIRECTORY: u64 = 9;
export const FILES_READ_DIRECTORY: u64 = 10;

/** How the bytes of a file write travel: at an address of the program, one byte, or as many as are said. */
export const WRITE_POINTER: u64 = 0;
export const WRITE_BYTE: u64 = 1;
export const WRITE_EMBEDDED: u64 = 2;
