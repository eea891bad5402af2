// The items of -d and how their lines look. Interrupts and resets come from the core's trace events,
// the others from the platform.

/** What -d can show. */
export const LOG_ITEMS = ["int", "exec", "in_asm", "cpu_reset", "guest_errors", "unimp"] as const;
export type LogItem = (typeof LOG_ITEMS)[number];
