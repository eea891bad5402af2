// Where the linker puts the parts of native programs and of the roottask. Virtual addresses below 2 GiB,
// so that absolute addresses fit every instruction form. libroottask/machine.ts keeps the roottask's range
// free of RAM.

export interface ProgramLayout {
  /** Code and constants. */
  text: number;
  /** Static data of the wasm module: asc's `--memoryBase`. */
  data: number;
  /** Bytes of stack the image brings along, or 0 where the starter provides one. */
  stack: number;
}

export const ROOTTASK_LAYOUT: ProgramLayout = {
  text: 0x7000_0000,
  data: 0x7080_0000,
  stack: 0x1_0000,
};

export const NATIVE_LAYOUT: ProgramLayout = { text: 0x40_0000, data: 0x100_0000, stack: 0 };

/** Size of a portal handler's stack, which is aligned to it (libroottask/thread.ts). */
export const HANDLER_STACK = 0x4000;
/** Where the message buffers of the portal handlers are: slot n has page n (libroottask/machine.ts, UTCB_BASE). */
export const HANDLER_UTCBS = 0xe000_0000;
