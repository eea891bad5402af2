// Interrupts of the 82574L (82574 datasheet, 7.4 and 10.2.4): causes and their mask, and how they get to the CPU: by the pin,
// by one message or by a vector a cause, each no more often than a register lets it, with masks that clear themselves.

import type { Msix } from "../msix.ts";
import type { PciFunction } from "../pci.ts";
import type { Clock, Timer } from "../timers.ts";
import * as R from "./e1000-registers.ts";
import * as E from "./e1000e-registers.ts";
import type { RegisterFile } from "./register-file.ts";

/** ITR and EITR count in units of 256 ns. */
const THROTTLE_NS = 256;
/** An entry of IVAR: four bits, the vector and that it is valid (10.2.4.9). */
const ENTRY_VALID = 8;
const ENTRY_VECTOR = 7;

/** Causes that have an entry in IVAR, in its order. */
const ALLOCATED = [...E.CAUSE.receive, ...E.CAUSE.transmit, E.CAUSE.other] as const;

export interface InterruptState {
  /** Causes that a message has been sent for already. */
  told: number;
  /** When the pin or the message may come again, and each vector, ns. */
  quietUntil: number;
  vectorQuietUntil: number[];
  /** Vectors that wait for that. */
  waiting: boolean[];
}

export const interruptReset = (): InterruptState => ({
  told: 0,
  quietUntil: 0,
  vectorQuietUntil: new Array<number>(E.VECTORS).fill(0),
  waiting: new Array<boolean>(E.VECTORS).fill(false),
});

export interface InterruptParts {
  state(): InterruptState;
  readonly registers: RegisterFile;
  readonly fn: PciFunction;
  readonly msix: Msix;
  readonly clock: Clock;
  readonly timer: Timer;
}

export class Interrupts {
  readonly #parts: InterruptParts;

  constructor(parts: InterruptParts) {
    this.#parts = parts;
  }

  get #registers(): RegisterFile {
    return this.#parts.registers;
  }

  raise(causes: number): void {
    this.#registers.set(R.ICR, this.#registers.get(R.ICR) | causes);
    this.update();
  }

  /** Causes or mask may have changed. */
  update(): void {
    const { registers, fn, msix } = this.#parts;
    let causes = registers.get(R.ICR) & ~E.CAUSE.asserted;
    if (msix.enabled && causes & E.OTHER_CAUSES) causes |= E.CAUSE.other;
    registers.set(R.ICR, causes === 0 ? 0 : causes | E.CAUSE.asserted);
    const wanted = causes & registers.get(R.IMS);
    this.#setPin(wanted !== 0 && !fn.usesMessages);
    if (fn.usesMessages) this.#tell(wanted);
  }

  /** The pin follows causes that are not masked. */
  #setPin(wanted: boolean): void {
    const { fn, registers } = this.#parts;
    if (wanted && !fn.state.interrupt) {
      if (!this.#mayInterrupt()) return;
      registers.count(E.IAC);
    }
    fn.setInterrupt(wanted);
  }

  /** A message is for causes that have come since the last one. */
  #tell(wanted: number): void {
    const { fn, msix } = this.#parts;
    const s = this.#parts.state();
    const fresh = wanted & ~s.told;
    if (fresh === 0) {
      s.told = wanted;
      return;
    }
    if (msix.enabled) {
      s.told = wanted;
      for (const [i, cause] of ALLOCATED.entries()) if (fresh & cause) this.#tellVector(i, cause);
    } else if (this.#mayInterrupt()) {
      s.told = wanted;
      fn.sendMessage(0);
    }
  }

  #mayInterrupt(): boolean {
    const s = this.#parts.state();
    const now = this.#parts.clock.now();
    if (now < s.quietUntil) {
      this.#setTimer();
      return false;
    }
    s.quietUntil = now + this.#registers.get(R.ITR) * THROTTLE_NS;
    return true;
  }

  /** The message of a cause, after which EIAC and CTRL_EXT say what is cleared (10.2.4.7, 10.2.2.5). */
  #tellVector(entry: number, cause: number): void {
    const { registers } = this.#parts;
    const s = this.#parts.state();
    const allocation = registers.get(E.IVAR) >>> (4 * entry);
    const vector = allocation & ENTRY_VECTOR;
    if (allocation & ENTRY_VALID && vector < E.VECTORS) this.#sendVector(vector);
    const extended = registers.get(E.CTRL_EXT);
    if (extended & E.CTRL_EXT_BITS.messageMasks)
      registers.set(E.IAM, registers.get(E.IAM) & ~cause);
    const cleared = registers.get(E.EIAC) & cause;
    registers.set(R.ICR, registers.get(R.ICR) & ~cleared);
    s.told &= ~cleared;
    if (!(extended & E.CTRL_EXT_BITS.readMasks))
      registers.set(R.IMS, registers.get(R.IMS) & ~cleared);
  }

  #sendVector(vector: number): void {
    const s = this.#parts.state();
    const now = this.#parts.clock.now();
    if (now < (s.vectorQuietUntil[vector] as number)) {
      s.waiting[vector] = true;
      this.#setTimer();
      return;
    }
    s.waiting[vector] = false;
    s.vectorQuietUntil[vector] = now + this.#registers.get(E.EITR + 4 * vector) * THROTTLE_NS;
    this.#parts.msix.send(vector);
  }

  /** For the next of those that wait. */
  #setTimer(): void {
    const s = this.#parts.state();
    const now = this.#parts.clock.now();
    const vectors = s.vectorQuietUntil.filter((_, vector) => s.waiting[vector]);
    const next = [s.quietUntil, ...vectors].filter((when) => when > now);
    if (next.length > 0) this.#parts.timer.set(Math.min(...next));
  }

  /** The timer has come. */
  elapsed(): void {
    const { msix } = this.#parts;
    const s = this.#parts.state();
    for (const [vector, isWaiting] of s.waiting.entries()) {
      if (!isWaiting) continue;
      if (msix.enabled) this.#sendVector(vector);
      else s.waiting[vector] = false;
    }
    this.update();
  }

  /** What ICR reads, and what that clears (10.2.4.1). */
  read(): number {
    const { registers, msix } = this.#parts;
    const causes = registers.get(R.ICR);
    const masks = this.#masksItself(causes);
    if (registers.get(R.IMS) === 0 || !msix.enabled || masks) registers.set(R.ICR, 0);
    if (masks) this.#mask();
    this.update();
    return causes;
  }

  /** Bits that are written are cleared; that of other causes stands for them. */
  clear(value: number): void {
    const causes = this.#registers.get(R.ICR);
    if (this.#masksItself(causes)) this.#mask();
    const others = value & E.CAUSE.other ? E.OTHER_CAUSES : 0;
    this.#registers.set(R.ICR, causes & ~(value | others));
    this.update();
  }

  /** Access to ICR masks what IAM says while an interrupt is asserted (10.2.4.8). */
  #masksItself(causes: number): boolean {
    const extended = this.#registers.get(E.CTRL_EXT);
    return (causes & E.CAUSE.asserted) !== 0 && (extended & E.CTRL_EXT_BITS.readMasks) !== 0;
  }

  #mask(): void {
    this.#registers.set(R.IMS, this.#registers.get(R.IMS) & ~this.#registers.get(E.IAM));
  }

  disable(causes: number): void {
    this.#registers.set(R.IMS, this.#registers.get(R.IMS) & ~causes);
    this.update();
  }

  enable(value: number): void {
    const { registers, msix } = this.#parts;
    const causes = value & E.MASKABLE;
    registers.set(R.IMS, registers.get(R.IMS) | causes);
    const extended = registers.get(E.CTRL_EXT);
    if (extended & E.CTRL_EXT_BITS.clearsPending && msix.enabled) {
      for (const [i, cause] of ALLOCATED.entries()) {
        const allocation = registers.get(E.IVAR) >>> (4 * i);
        if (causes & cause && allocation & ENTRY_VALID) msix.withdraw(allocation & ENTRY_VECTOR);
      }
    }
    if (extended & E.CTRL_EXT_BITS.timersClear && causes === E.MASKABLE) this.#hurry();
    this.update();
  }

  /** Nothing waits any longer. */
  #hurry(): void {
    const s = this.#parts.state();
    s.quietUntil = 0;
    s.vectorQuietUntil.fill(0);
    this.elapsed();
  }
}
