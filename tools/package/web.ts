// The npm package where there is no Node: tools/emulator/index.ts with machines that bring the compiled core.

import { Machine as PortableMachine } from "../emulator/machine.ts";
import type { MachineOptions as PortableOptions } from "../emulator/machine-options.ts";
import { builtCore } from "./shipped-core.ts";

export * from "../emulator/index.ts";
export { builtCore };

export interface MachineOptions extends Omit<PortableOptions, "core"> {
  /** The compiled CPU core; the one of this package by default. */
  core?: PortableOptions["core"];
}

/** See the portable machine; `create` needs no core. */
export class Machine extends PortableMachine {
  /** Builds a machine and boots it up to the kernel's first instruction. Throws `LoadError`. */
  static override async create(options: MachineOptions = {}): Promise<Machine> {
    // biome-ignore lint/complexity/noThisInStatic: the machine is to be one of this class
    return super.create({ ...options, core: options.core ?? (await builtCore()) });
  }
}
