// The wires between devices and interrupt controllers: 24 global system interrupts (GSIs). ISA
// IRQ n is wired to 8259A input n and to IOAPIC pin n, IRQ 0 to pin 2 (MADT interrupt source
// override); PCI interrupts A to H reach GSIs 16 to 23 and, by the LPC bridge's PIRQ routing
// registers, 8259A inputs. A wire is the OR of its sources.

import type { Device } from "./device.ts";

/** One device's end of a wire. */
export interface IrqLine {
  set(level: boolean): void;
  /** Low, then high: an edge, whatever the level was. Leaves the line low. */
  pulse(): void;
}

/** Where the wires end. */
export interface InterruptSinks {
  pic(input: number, level: boolean): void;
  ioapic(pin: number, level: boolean): void;
}

const GSIS = 24;

export class InterruptLines implements Device {
  readonly name = "interrupt-lines";
  /** Level of every source, in order of registration. */
  state: { levels: boolean[] } = { levels: [] };
  readonly #sources: number[][] = Array.from({ length: GSIS + 16 }, () => []);
  readonly #sinks: InterruptSinks;

  constructor(sinks: InterruptSinks) {
    this.#sinks = sinks;
  }

  /** A new source on ISA IRQ `irq`, 0–15. */
  isa(irq: number): IrqLine {
    return this.#source([
      { wire: GSIS + irq, drive: (level) => this.#sinks.pic(irq, level) },
      { wire: irq === 0 ? 2 : irq, drive: (l) => this.#sinks.ioapic(irq === 0 ? 2 : irq, l) },
    ]);
  }

  /** A new source on GSI `gsi`, 0–23, that reaches the IOAPIC alone. */
  gsi(gsi: number): IrqLine {
    return this.#source([{ wire: gsi, drive: (level) => this.#sinks.ioapic(gsi, level) }]);
  }

  #source(ends: { wire: number; drive: (level: boolean) => void }[]): IrqLine {
    const id = this.state.levels.push(false) - 1;
    for (const end of ends) this.#sources[end.wire]?.push(id);
    const set = (level: boolean): void => {
      if (this.state.levels[id] === level) return;
      this.state.levels[id] = level;
      for (const end of ends) {
        const others = this.#sources[end.wire] as number[];
        end.drive(others.some((s) => this.state.levels[s] as boolean));
      }
    };
    return {
      set,
      pulse() {
        set(false);
        set(true);
        set(false);
      },
    };
  }

  reset(): void {
    this.state.levels.fill(false);
  }
}
