// Where a function's register places the block of power management: PMBASE.

import type { AcpiPm } from "./acpi-pm.ts";
import type { PciFunction } from "./pci.ts";

export const PMBASE = 0x40;
/** The register's lowest bit says that it is an I/O address. */
export const IO_SPACE = 1;

/** Has the block show where it is placed and turned on. */
export class PmWindow {
  readonly #fn: PciFunction;
  readonly #pm: AcpiPm;
  #shown: { start: number; end: () => void } | undefined;

  constructor(fn: PciFunction, pm: AcpiPm) {
    this.#fn = fn;
    this.#pm = pm;
    fn.allow32(PMBASE, 0x10000 - pm.bytes);
  }

  place(on: boolean): void {
    const base = this.#fn.get32(PMBASE) & 0xfffe & ~(this.#pm.bytes - 1);
    const start = on && base !== 0 ? base : -1;
    this.#pm.base = start;
    if (start === (this.#shown?.start ?? -1)) return;
    this.#shown?.end();
    this.#shown = undefined;
    if (start < 0) return;
    const end = this.#fn.decode(this.#pm.name, "io", start, this.#pm.bytes, this.#pm.block);
    this.#shown = { start, end };
  }
}
