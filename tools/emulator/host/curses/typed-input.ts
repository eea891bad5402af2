// Keys that are typed faster than a keyboard sends them, on their way to the guest: each goes down and up at points of
// virtual time, so that a guest can take them one by one, and what is pasted waits.

import type { Key } from "../../devices/keys.ts";
import type { InputEvent } from "../../input.ts";
import type { Machine } from "../../machine.ts";

/** Virtual time from one event to the next, ns: a keyboard needs a millisecond for a byte. */
const SPACING_NS = 5_000_000;
/** Events that the machine is given at once. */
const AHEAD = 256;
/** Waiting events beyond which no more are taken. */
const FULL = 4096;

export class TypedInput {
  readonly #machine: Machine;
  #waiting: InputEvent[] = [];

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** Keys that are held together and let go of. */
  press(keys: readonly Key[]): void {
    const event = ({ code, extended }: Key, down: boolean): InputEvent => ({
      ...{ kind: "key", code, extended, down },
    });
    this.#waiting.push(
      ...keys.map((key) => event(key, true)),
      ...[...keys].reverse().map((key) => event(key, false)),
    );
    this.feed();
  }

  /** Hands over what the machine has room for. */
  feed(): void {
    const room = Math.max(0, AHEAD - this.#machine.plannedInputs);
    const next = this.#waiting.splice(0, room);
    if (next.length > 0) this.#machine.inputInTurn(next, SPACING_NS);
  }

  get full(): boolean {
    return this.#waiting.length > FULL;
  }
}
