// The boot loader on a BIOS. The stubs call `main` in long mode with the low 4 GiB at their own addresses.

import { runLoader } from "../../core/loader";
import { prepare } from "./start";

export { fault } from "./fault";

/** First address behind the static data. */
export function staticEnd(): usize {
  return __heap_base;
}

/** Does not return: what cannot be booted ends in `firmware.stop`. */
export function main(): void {
  prepare();
  runLoader();
}
