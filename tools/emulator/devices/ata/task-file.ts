// The registers through which a host and an ATA device talk, whatever carries them (T13/1699-D ATA8-ACS, 4 and 6;
// ATA/ATAPI-7 vol. 2, 5 for a cable, Serial ATA 2.6, 10.3 for FISes).

/** Status register. */
export const BSY = 0x80;
export const DRDY = 0x40;
export const DF = 0x20;
/** Seek complete, which hosts of long ago wait for. */
export const DSC = 0x10;
export const DRQ = 0x08;
export const ERR = 0x01;

/** Error register. */
export const UNC = 0x40;
export const IDNF = 0x10;
export const ABRT = 0x04;

/** Device register: block addresses instead of cylinders, heads and sectors. */
export const LBA = 0x40;

/** Interrupt reason, the count register of a packet command: a command is wanted or done, data go to the host. */
export const REASON_COMMAND = 1;
export const REASON_TO_HOST = 2;
export const REASON_BITS = 7;

/** Low bytes are what was written last, high bytes what was written before that, as commands of 48 bits need them. */
export interface TaskFile {
  features: number;
  count: number;
  lbaLow: number;
  lbaMid: number;
  lbaHigh: number;
  device: number;
  status: number;
  error: number;
}

export const freshTaskFile = (): TaskFile => ({
  features: 0,
  count: 0,
  lbaLow: 0,
  lbaMid: 0,
  lbaHigh: 0,
  device: 0,
  status: 0,
  error: 0,
});

/** What a command still has to move between host and device. */
export interface Transfer {
  toHost: boolean;
  /** By DMA; otherwise the host moves blocks of `blockBytes` through the data register. */
  dma: boolean;
  /** Bytes of a block that is moved at once by PIO; a packet command asks for it in the byte count registers. */
  blockBytes: number;
  /** Bytes that are left. */
  left: number;
  /** An answer that is no sectors, and how much of it has been taken. */
  answer: Uint8Array | undefined;
  /** The next sector, where sectors are what is moved. */
  sector: number;
  /** Errors are told by an address of 48 bits. */
  extended: boolean;
  /** What is written is on the medium when the command ends. */
  through: boolean;
}
