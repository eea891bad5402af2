// A mouse in the hand of somebody who holds its buttons: moves carry their state along.

import type { Machine } from "../machine.ts";

export class Pointer {
  /** Sum of 1 left, 2 right, 4 middle, 8 and 16 at the sides. */
  #buttons = 0;

  get buttons(): number {
    return this.#buttons;
  }

  /** Moves by `dx` to the right, `dy` downwards and `dz` steps of the wheel upwards. */
  move(machine: Machine, dx: number, dy: number, dz = 0): void {
    machine.input({ kind: "pointer", dx, dy: -dy, dz, buttons: this.#buttons });
  }

  hold(machine: Machine, buttons: number): void {
    this.#buttons = buttons & 31;
    this.move(machine, 0, 0);
  }
}
