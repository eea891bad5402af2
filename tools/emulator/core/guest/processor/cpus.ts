// How many CPUs there are, and where the state of each one is.

import { S_CPU, SLOTS, STATE, STATE_SIZE } from "../../state";

/** Address of field `live` (an S_ address) of any CPU: live for the one that executes, else in its slot. */
export function stateOf(cpu: i32, field: usize): usize {
  return cpu == load<i32>(S_CPU) ? field : SLOTS + <usize>(cpu * STATE_SIZE) + (field - STATE);
}

export let cpuCount: i32 = 1;
export function setCpuCount(n: i32): void {
  cpuCount = n;
}
