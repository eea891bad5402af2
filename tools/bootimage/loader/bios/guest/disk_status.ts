// What INT 13h gives in AH (IBM PC/AT Technical Reference; Phoenix Enhanced Disk Drive specification 3.0), and statuses
// of our own, which are no bytes, where a BIOS says nothing.

/** A call that has failed with AH = 0. */
export const NO_STATUS: u32 = 0x100;
/** A call that has read no sector, and says that it has not failed. */
export const NOTHING_READ: u32 = 0x101;
/** A cylinder beyond what AH = 02h can name. */
export const OUT_OF_REACH: u32 = 0x102;

/** The name of a status, "" where it has none. */
export function diskStatusName(status: u64): string {
  switch (<u32>status) {
    case 0x01:
      return "bad command";
    case 0x02:
      return "address mark not found";
    case 0x04:
      return "sector not found";
    case 0x05:
      return "reset failed";
    case 0x06:
      return "medium changed";
    case 0x07:
      return "bad parameters";
    case 0x08:
      return "DMA overrun";
    case 0x09:
      return "DMA across 64 KiB";
    case 0x0a:
      return "bad sector";
    case 0x0b:
      return "bad track";
    case 0x0c:
      return "unsupported medium";
    case 0x10:
      return "uncorrectable data";
    case 0x11:
      return "corrected data";
    case 0x20:
      return "controller failed";
    case 0x31:
      return "no medium";
    case 0x40:
      return "seek failed";
    case 0x80:
      return "timeout";
    case 0xaa:
      return "drive not ready";
    case 0xbb:
      return "undefined error";
    case 0xe0:
      return "status error";
    case NO_STATUS:
      return "the BIOS gives none";
    case NOTHING_READ:
      return "the BIOS has read nothing";
    case OUT_OF_REACH:
      return "beyond cylinder 1023, and no INT 13h extensions";
    default:
      return "";
  }
}
