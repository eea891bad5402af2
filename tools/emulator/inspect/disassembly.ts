// What reports, logs and the monitor ask of a disassembler. Which one it is decides the host: the one there is
// for Node does not run in browsers.

/** One instruction. */
export interface Line {
  address: bigint;
  bytes: Uint8Array;
  /** In Intel syntax. */
  text: string;
}

/**
 * Decodes up to `count` instructions of `bits`-wide code that begins at `address`. `describe` names the targets
 * of branches; it returns "" for those it does not know.
 */
export type Disassemble = (
  code: Uint8Array,
  address: bigint,
  bits: 16 | 32 | 64,
  count: number,
  describe?: (address: bigint) => string,
) => Line[];
