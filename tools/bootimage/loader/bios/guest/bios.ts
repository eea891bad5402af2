// BIOS calls as the rest of the loader makes them: with A20 on afterwards.

import { enableA20, isA20On } from "./a20";
import { interrupt, Registers, registers } from "./registers";
import { bios_wait } from "./stub";

const kept = changetype<Registers>(memory.data(offsetof<Registers>(), 4));

/** Puts A20 back where a call took it away; what came out of the call stays. */
function watchA20(): void {
  if (isA20On()) return;
  const bytes = offsetof<Registers>();
  memory.copy(changetype<usize>(kept), changetype<usize>(registers), bytes);
  enableA20();
  memory.copy(changetype<usize>(registers), changetype<usize>(kept), bytes);
}

/** INT `vector` with `registers`; whether it ended without carry. */
export function bios(vector: i32): bool {
  const success = interrupt(vector);
  watchA20();
  return success;
}

/** Lets interrupts in, the timer's for one, and waits until one has come. */
export function waitForInterrupt(): void {
  bios_wait(changetype<usize>(registers));
  watchA20();
}
