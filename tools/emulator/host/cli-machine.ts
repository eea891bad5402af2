// The machine that the command line asks for.

import { type CliOptions, UsageError } from "./cli-options.ts";
import type { MachineOptions } from "./machine.ts";

/** Options of the machine alone: where its output goes is the caller's business. Throws `UsageError`. */
export function machineOptions(o: CliOptions): MachineOptions {
  if (o.kernel === undefined && o.disks.length === 0) {
    throw new UsageError(
      "nothing to boot: give -kernel FILE, -cdrom FILE or -hda FILE (--help shows all options)",
    );
  }
  return {
    memory: o.memory,
    cpus: o.cpus,
    cpu: o.cpu,
    accel: o.accel,
    icount: o.icount,
    kernel: o.kernel,
    modules: o.initrd,
    append: o.append,
    disks: o.disks.map(({ path, ...disk }) => ({ ...disk, image: path })),
    bootOrder: o.bootOrder,
    bootOnce: o.bootOnce,
    clockStart: o.clockStart,
    serialPorts: o.serials.map((device) => device.kind !== "none"),
    debugConsole: o.debugcon.kind !== "none",
    devices: o.devices,
    vga: o.vga,
    reboot: o.reboot,
    realTime: o.realTime,
  };
}
