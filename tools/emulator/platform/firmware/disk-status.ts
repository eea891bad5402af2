// Status codes of INT 13h in AH (Ralf Brown's interrupt list, table 00234; T13 project 1226DT, 5.3).

export const OK = 0x00;
export const BAD_COMMAND = 0x01;
export const WRITE_PROTECTED = 0x03;
export const SECTOR_NOT_FOUND = 0x04;
export const MEDIUM_CHANGED = 0x06;
export const DMA_BOUNDARY = 0x09;
/** SeaBIOS's answer of a CD drive that is not ready. */
export const BAD_TRACK = 0x0c;
/** The medium cannot be read there. */
export const UNCORRECTABLE = 0x10;
/** A drive does not answer, for want of a medium. */
export const TIMEOUT = 0x80;
export const NOT_LOCKED = 0xb0;
export const LOCKED = 0xb1;
export const NOT_REMOVABLE = 0xb2;
export const TOO_MANY_LOCKS = 0xb4;
/** The drive does not keep what it is given. */
export const WRITE_FAULT = 0xcc;
