// The WASI layer that belongs to this checkout: compiled from its sources where they have changed.

import { guestModule } from "../../asc/guest.ts";
import { WASI_GUEST } from "./options.ts";

/** The compiled layer. Throws the compiler's messages if its sources do not compile. */
export async function wasiModule(): Promise<Uint8Array> {
  return (await guestModule(WASI_GUEST)).wasm;
}
