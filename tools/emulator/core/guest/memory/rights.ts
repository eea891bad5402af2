// Kinds of access to linear memory.

export const READ: i32 = 0;
export const WRITE: i32 = 1;
export const EXEC: i32 = 2;
/** Supervisor access whatever the CPL: descriptor tables, TSS. */
export const SYSTEM: i32 = 4;
