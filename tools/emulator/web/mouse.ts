// The mouse of whoever wants the guest to have it: a click on the screen catches it (Pointer Lock 2.0), Esc or
// Ctrl+Alt+G gives it back.

import type { InputEvent } from "../input.ts";

/** Pixels of a wheel's movement that are one step of a PS/2 wheel. */
const WHEEL_STEP = 100;

export class Mouse {
  readonly #target: HTMLElement;
  readonly #send: (event: InputEvent) => void;
  #isWanted = false;
  #wheel = 0;
  /** The browser does not give the mouse away: why. */
  onRefused: (reason: string) => void = () => {};
  /** It has been caught, or given back. */
  onChange: () => void = () => {};

  /** Listens to the mouse on `target`. */
  constructor(target: HTMLElement, send: (event: InputEvent) => void) {
    this.#target = target;
    this.#send = send;
    for (const name of ["pointerdown", "pointermove", "pointerup"] as const) {
      target.addEventListener(name, (event) => this.#move(event));
    }
    target.addEventListener("wheel", (event) => this.#turnWheel(event), { passive: false });
    document.addEventListener("pointerlockchange", () => this.onChange());
  }

  get isCaught(): boolean {
    return document.pointerLockElement === this.#target;
  }

  get isWanted(): boolean {
    return this.#isWanted;
  }

  /** Whether a click on the screen catches the mouse. */
  set isWanted(on: boolean) {
    this.#isWanted = on;
    if (!on) this.giveBack();
  }

  /** Catches the mouse, if it is wanted: in answer to a click, as browsers demand. */
  async catch(): Promise<void> {
    if (!this.#isWanted || this.isCaught) return;
    if (this.#target.requestPointerLock === undefined) {
      this.onRefused("This browser gives no page the mouse.");
      return;
    }
    try {
      await this.#target.requestPointerLock();
    } catch (error) {
      this.onRefused(`The browser keeps the mouse: ${(error as Error).message}`);
    }
  }

  giveBack(): void {
    if (this.isCaught) document.exitPointerLock();
  }

  #move(event: PointerEvent): void {
    if (event.pointerType === "touch" || !this.isCaught) return;
    const [dx, dy] = [Math.round(event.movementX), -Math.round(event.movementY)];
    this.#send({ kind: "pointer", dx, dy, dz: 0, buttons: event.buttons & 31 });
  }

  #turnWheel(event: WheelEvent): void {
    if (!this.isCaught) return;
    event.preventDefault();
    this.#wheel += event.deltaY;
    const steps = Math.trunc(this.#wheel / WHEEL_STEP);
    if (steps === 0) return;
    this.#wheel -= steps * WHEEL_STEP;
    this.#send({ kind: "pointer", dx: 0, dy: 0, dz: -steps, buttons: event.buttons & 31 });
  }
}
