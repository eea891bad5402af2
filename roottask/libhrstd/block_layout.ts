// What a program that serves a block device and the roottask say to each other through /dev/block-service, in messages of
// read(2) and write(2). Numbers are little-endian. The device is there from the offer until the file is closed.

/** Where it is. */
export const BLOCK_SERVICE: string = "/dev/block-service";

/** The offer, the first message that is written: version u32, flags u32, sectors u64, name 32 bytes, ended by 0. */
export const OFFER_BYTES: u32 = 48;
export const OFFER_VERSION: u32 = 0;
export const OFFER_FLAGS: u32 = 4;
export const OFFER_SECTORS: u32 = 8;
export const OFFER_NAME: u32 = 16;
export const OFFER_NAME_BYTES: u32 = 32;
/** The version of all this. */
export const BLOCK_VERSION: u32 = 1;
/** Flag: what is there cannot be written to. */
export const OFFER_READ_ONLY: u32 = 1;

/** A request, which is read: id u64, kind u32, count of sectors u32, first sector u64; behind it what is to be written. */
export const REQUEST_HEADER_BYTES: u32 = 24;
export const REQUEST_ID: u32 = 0;
export const REQUEST_KIND: u32 = 8;
export const REQUEST_COUNT: u32 = 12;
export const REQUEST_SECTOR: u32 = 16;

/** Kinds of requests: to read, to write, to make safe what has been written. */
export const REQUEST_READ: u32 = 0;
export const REQUEST_WRITE: u32 = 1;
export const REQUEST_FLUSH: u32 = 2;

/** An answer, which is written: id u64, error u32 (0, or a number of errno(3)), 0 u32; behind it what has been read. */
export const ANSWER_HEADER_BYTES: u32 = 16;
export const ANSWER_ID: u32 = 0;
export const ANSWER_ERROR: u32 = 8;
export const ANSWER_RESERVED: u32 = 12;

/** Bytes of a sector, whatever a disk's own are. */
export const SECTOR_BYTES: u32 = 512;
/** Bytes that one request reads or writes at the most. */
export const REQUEST_BYTES: u32 = 1 << 16;
