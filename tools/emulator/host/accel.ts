// How machines are executed that do not say so: `EMU_ACCEL` in the environment, in the words of -accel.

import { type Accel, DEFAULT_ACCEL, parseAccel } from "../jit/accel.ts";

/** Throws `LoadError` if the environment asks for what there is not. */
export function accelOfEnvironment(): Accel {
  const text = process.env.EMU_ACCEL;
  return text === undefined || text === "" ? DEFAULT_ACCEL : parseAccel(text);
}
