// What reports, logs and the monitor ask of a disassembler. Which one it is decides the host: the one there is
// for Node does not run in browsers.

/** One instruction. */
export interface Line {
  address: bigint;
  bytes: Uint8Array;
  /** In the syntax that was asked for. */
  text: string;
}

/** Intel's, as manuals have it; AT&T's, with a mnemonic of 8 columns, as QEMU's monitor prints it. */
export type Syntax = "intel" | "att";

/**
 * Decodes up to `count` instructions of `bits`-wide code that begins at `address`. `describe` names the targets
 * of branches; it returns "" for those it does not know. Intel's syntax is the usual one.
 */
export type Disassemble = (
  code: Uint8Array,
  address: bigint,
  bits: 16 | 32 | 64,
  count: number,
  describe?: (address: bigint) => string,
  syntax?: Syntax,
) => Line[];
