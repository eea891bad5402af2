// The CPU model of this machine, chosen when it is created: 0 is an Ivy Bridge, 1 is `max`.

export let cpuModel: i32 = 0;
export function setCpuModel(model: i32): void {
  cpuModel = model;
}
