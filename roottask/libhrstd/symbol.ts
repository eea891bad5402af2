// Addresses of stubs for portals (asm/measuring.ts; docs/toolchain.md, import module `symbol`).

/** Replies at once, whatever the message. */
export declare function reply_at_once(): u64;
/** Lets an EC go on behind the UD2 that it met; the portal's id is the address of the handler's UTCB. */
export declare function skip_ud2(): u64;
/** Starts an EC; the portal's id is the address of three words: the handler's UTCB, RIP, RSP. */
export declare function start_thread(): u64;
