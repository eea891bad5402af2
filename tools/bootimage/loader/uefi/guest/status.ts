// EFI_STATUS values and their names: UEFI 2.10, appendix D. Errors have the highest bit set.

const ERROR: u64 = 0x8000_0000_0000_0000;

export const SUCCESS: u64 = 0;
export const LOAD_ERROR: u64 = ERROR | 1;
export const INVALID_PARAMETER: u64 = ERROR | 2;
export const UNSUPPORTED: u64 = ERROR | 3;
export const BUFFER_TOO_SMALL: u64 = ERROR | 5;
export const DEVICE_ERROR: u64 = ERROR | 7;
export const OUT_OF_RESOURCES: u64 = ERROR | 9;
export const NO_MEDIA: u64 = ERROR | 12;
export const MEDIA_CHANGED: u64 = ERROR | 13;
export const NOT_FOUND: u64 = ERROR | 14;
export const INCOMPATIBLE_VERSION: u64 = ERROR | 25;

/** Names of the errors from 1 on; numbers that the specification leaves out have none. */
const names: StaticArray<string> = [
  "EFI_LOAD_ERROR",
  "EFI_INVALID_PARAMETER",
  "EFI_UNSUPPORTED",
  "EFI_BAD_BUFFER_SIZE",
  "EFI_BUFFER_TOO_SMALL",
  "EFI_NOT_READY",
  "EFI_DEVICE_ERROR",
  "EFI_WRITE_PROTECTED",
  "EFI_OUT_OF_RESOURCES",
  "EFI_VOLUME_CORRUPTED",
  "EFI_VOLUME_FULL",
  "EFI_NO_MEDIA",
  "EFI_MEDIA_CHANGED",
  "EFI_NOT_FOUND",
  "EFI_ACCESS_DENIED",
  "EFI_NO_RESPONSE",
  "EFI_NO_MAPPING",
  "EFI_TIMEOUT",
  "EFI_NOT_STARTED",
  "EFI_ALREADY_STARTED",
  "EFI_ABORTED",
  "EFI_ICMP_ERROR",
  "EFI_TFTP_ERROR",
  "EFI_PROTOCOL_ERROR",
  "EFI_INCOMPATIBLE_VERSION",
  "EFI_SECURITY_VIOLATION",
  "EFI_CRC_ERROR",
  "EFI_END_OF_MEDIA",
  "",
  "",
  "EFI_END_OF_FILE",
  "EFI_INVALID_LANGUAGE",
  "EFI_COMPROMISED_DATA",
  "EFI_IP_ADDRESS_CONFLICT",
  "EFI_HTTP_ERROR",
];

/** The name of an error, or "" where it has none. */
export function statusName(status: u64): string {
  const number = status & ~ERROR;
  if ((status & ERROR) === 0 || number === 0 || number > <u64>names.length) return "";
  return unchecked(names[<i32>number - 1]);
}
