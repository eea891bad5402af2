// A mouse in the hand of somebody who holds its buttons: moves carry their state along.

import type { Machine } from "../machine.ts";

export class Pointer {
  /** Sum of 1 left, 2 right, 4 middle, 8 and 16 at the sides. */
  #buttons = 0;
  /** Where it was put last. */
  readonly #at = { x: 0, y: 0 };

  get buttons(): number {
    return this.#buttons;
  }

  /** Moves by `dx` to the right, `dy` downwards and `dz` steps of the wheel upwards. */
  move(machine: Machine, dx: number, dy: number, dz = 0): void {
    machine.input({ kind: "pointer", dx, dy: -dy, dz, buttons: this.#buttons });
  }

  /** Comes to `value` of an axis, 0 to 7FFFh. */
  place(machine: Machine, axis: "x" | "y", value: number): void {
    this.#at[axis] = value;
    const at = { ...this.#at };
    machine.input({ kind: "pointer", dx: 0, dy: 0, dz: 0, buttons: this.#buttons, at });
  }

  hold(machine: Machine, buttons: number): void {
    this.#buttons = buttons & 31;
    this.move(machine, 0, 0);
  }
}
