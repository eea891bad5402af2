// The wires between devices and interrupt controllers. ISA IRQ n ends at 8259A input n and IOAPIC pin
// n, IRQ 0 at pin 2 (MADT interrupt source override). PIRQA to PIRQH end at the ISA IRQ that the PIRQ
// routing registers name and, with an ICH9, at IOAPIC pins 16 to 23 (ICH9 datasheet, 13.1.17 and
// 13.1.19). What ends at a controller's input is the OR of its sources.

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

const PIC_INPUTS = 16;
export const IOAPIC_PINS = 24;
export const PIRQS = 8;

/** A source of a wire: its index in `state.levels` and the inputs where it ends now. */
interface Source {
  readonly index: number;
  inputs: readonly Input[];
}

/** An input of an interrupt controller and the sources that may drive it. */
interface Input {
  readonly sources: Set<Source>;
  level: boolean;
  drive(level: boolean): void;
}

export class InterruptLines implements Device {
  readonly name = "interrupt-lines";
  state = {
    /** Level of every source, in order of registration. */
    levels: [] as boolean[],
    /** ISA IRQ of each PIRQ, -1 for none. */
    routes: new Array<number>(PIRQS).fill(-1),
  };
  /** How often each input has risen since the machine was built. No guest can see it. */
  readonly risen = {
    pic: new Array<number>(PIC_INPUTS).fill(0),
    ioapic: new Array<number>(IOAPIC_PINS).fill(0),
  };
  readonly #pic: readonly Input[];
  readonly #ioapic: readonly Input[];
  /** Sources of PIRQs, whose ends move with the routes. */
  readonly #pirqs: Source[][] = Array.from({ length: PIRQS }, () => []);
  readonly #firstPirqPin: number | undefined;

  /** `firstPirqPin` is the IOAPIC pin of PIRQA, where PIRQs have pins of their own. */
  constructor(sinks: InterruptSinks, firstPirqPin: number | undefined) {
    this.#firstPirqPin = firstPirqPin;
    const inputs = (risen: number[], drive: (n: number, level: boolean) => void): Input[] =>
      risen.map((_, n) => {
        const input: Input = {
          sources: new Set<Source>(),
          level: false,
          drive: (level) => {
            if (level && !input.level) risen[n] = (risen[n] as number) + 1;
            input.level = level;
            drive(n, level);
          },
        };
        return input;
      });
    this.#pic = inputs(this.risen.pic, (n, level) => sinks.pic(n, level));
    this.#ioapic = inputs(this.risen.ioapic, (n, level) => sinks.ioapic(n, level));
  }

  /** A new source on ISA IRQ `irq`, 0–15. */
  isa(irq: number): IrqLine {
    return this.#line(this.#source(this.#isaInputs(irq)));
  }

  /** A new source on IOAPIC pin `pin`, 0–23, alone. */
  gsi(pin: number): IrqLine {
    return this.#line(this.#source([this.#input(this.#ioapic, pin)]));
  }

  /** A new source on PIRQ `pirq`, 0 (A) to 7 (H). */
  pirq(pirq: number): IrqLine {
    const source = this.#source(this.#pirqInputs(pirq));
    (this.#pirqs[pirq] as Source[]).push(source);
    return this.#line(source);
  }

  /** Connects PIRQ `pirq` to ISA IRQ `irq` (0–15), or to none (-1), from now on. */
  route(pirq: number, irq: number): void {
    if (this.state.routes[pirq] === irq) return;
    const before = this.#pirqInputs(pirq);
    this.state.routes[pirq] = irq;
    const after = this.#pirqInputs(pirq);
    this.#reconnect(pirq);
    // A wire that is low moves nothing with it.
    const high = (this.#pirqs[pirq] as Source[]).some((s) => this.state.levels[s.index]);
    if (high) for (const input of new Set([...before, ...after])) this.#drive(input);
  }

  reset(): void {
    this.state.levels.fill(false);
  }

  /** The levels are the controllers' state already: ends move without being driven. */
  restored(): void {
    for (let pirq = 0; pirq < PIRQS; pirq++) this.#reconnect(pirq);
  }

  #input(inputs: readonly Input[], n: number): Input {
    const input = inputs[n];
    if (input === undefined) throw new Error(`there is no interrupt input ${n}`);
    return input;
  }

  #isaInputs(irq: number): Input[] {
    return [this.#input(this.#pic, irq), this.#input(this.#ioapic, irq === 0 ? 2 : irq)];
  }

  #pirqInputs(pirq: number): Input[] {
    const irq = this.state.routes[pirq] as number;
    const first = this.#firstPirqPin;
    return [
      ...(first === undefined ? [] : [this.#input(this.#ioapic, first + pirq)]),
      ...(irq < 0 ? [] : this.#isaInputs(irq)),
    ];
  }

  #source(inputs: readonly Input[]): Source {
    const source: Source = { index: this.state.levels.push(false) - 1, inputs };
    for (const input of inputs) input.sources.add(source);
    return source;
  }

  #reconnect(pirq: number): void {
    const inputs = this.#pirqInputs(pirq);
    for (const source of this.#pirqs[pirq] as Source[]) {
      for (const input of source.inputs) input.sources.delete(source);
      for (const input of inputs) input.sources.add(source);
      source.inputs = inputs;
    }
  }

  #drive(input: Input): void {
    for (const source of input.sources) {
      if (this.state.levels[source.index]) {
        input.drive(true);
        return;
      }
    }
    input.drive(false);
  }

  #line(source: Source): IrqLine {
    const set = (level: boolean): void => {
      if (this.state.levels[source.index] === level) return;
      this.state.levels[source.index] = level;
      for (const input of source.inputs) this.#drive(input);
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
}
