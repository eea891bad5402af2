// Sense keys and codes of packet commands (SPC-3, 4.5.6; MMC-5, annex F), and the commands' refusals.

export const KEY = {
  none: 0,
  notReady: 2,
  mediumError: 3,
  illegalRequest: 5,
  unitAttention: 6,
  dataProtect: 7,
} as const;

export interface Sense {
  key: number;
  /** Additional sense code. */
  code: number;
}

export const NO_SENSE: Sense = { key: KEY.none, code: 0 };
export const NO_MEDIUM: Sense = { key: KEY.notReady, code: 0x3a };
export const MEDIUM_CHANGED: Sense = { key: KEY.unitAttention, code: 0x28 };
export const UNREADABLE: Sense = { key: KEY.mediumError, code: 0x11 };
export const UNWRITABLE: Sense = { key: KEY.mediumError, code: 0x0c };
export const WRITE_PROTECTED: Sense = { key: KEY.dataProtect, code: 0x27 };
export const INVALID_COMMAND: Sense = { key: KEY.illegalRequest, code: 0x20 };
export const OUT_OF_RANGE: Sense = { key: KEY.illegalRequest, code: 0x21 };
export const INVALID_FIELD: Sense = { key: KEY.illegalRequest, code: 0x24 };
export const NOT_SAVED: Sense = { key: KEY.illegalRequest, code: 0x39 };
export const REMOVAL_PREVENTED: Sense = { key: KEY.illegalRequest, code: 0x53 };

/** REQUEST SENSE: fixed format, current error. */
export function senseData({ key, code }: Sense): Uint8Array {
  const bytes = new Uint8Array(18);
  bytes[0] = 0xf0;
  bytes[2] = key;
  bytes[7] = 10;
  bytes[12] = code;
  return bytes;
}
