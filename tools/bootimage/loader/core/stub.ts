// The stubs that both loaders have (tools/bootimage/loader/asm), called by the System V convention.

/** Copies `bytes` bytes of physical memory, upwards: ranges may overlap where `to` is below `from`. */
export declare function copy_physical(to: u64, from: u64, bytes: u64): void;
export declare function zero_physical(to: u64, bytes: u64): void;
/** CRC-32C (RFC 3720, appendix B.4) of physical memory; `seed` is the result for what comes before it, 0 at the start. */
export declare function crc32c(at: u64, bytes: u64, seed: u32): u32;
/** Does what the place of the hand-off at this physical address says (hand_off_layout.ts). Never returns. */
export declare function hand_off(place: u64): void;
