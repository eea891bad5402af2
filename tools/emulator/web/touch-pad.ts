// Fingers on the screen as a mouse, which is a relative one: the screen is a touch pad. A tap is the left button, a long
// press the right one, a tap and then a stroke drags, two fingers turn the wheel.

import type { InputEvent } from "../input.ts";

/** A finger that has moved less has not moved, CSS pixels. */
const SLOP = 8;
/** A press that lasts longer is a long one, ms. */
const LONG_PRESS_MS = 500;
/** A touch that begins as soon after a tap drags, ms. */
const DRAG_MS = 300;
/** A stroke of two fingers that is one step of the wheel, CSS pixels. */
const WHEEL_STROKE = 24;

const LEFT = 1;
const RIGHT = 2;

interface Finger {
  x: number;
  y: number;
}

export class TouchPad {
  readonly #send: (event: InputEvent) => void;
  /** Pixels of the machine per CSS pixel. */
  readonly #scale: () => number;
  readonly #fingers = new Map<number, Finger>();
  #hasMoved = false;
  #buttons = 0;
  #longPress: number | undefined;
  #tappedAt = Number.NEGATIVE_INFINITY;
  #drags = false;
  /** What has been moved and not yet sent. */
  #rest: Finger = { x: 0, y: 0 };
  #wheel = 0;

  /** Listens to fingers on `target`. */
  constructor(target: HTMLElement, scale: () => number, send: (event: InputEvent) => void) {
    this.#send = send;
    this.#scale = scale;
    const onFinger = (name: string, act: (event: PointerEvent) => void): void => {
      target.addEventListener(name, (event) => {
        if ((event as PointerEvent).pointerType === "touch") act(event as PointerEvent);
      });
    };
    onFinger("pointerdown", (event) => {
      target.setPointerCapture(event.pointerId);
      this.#down(event);
    });
    onFinger("pointermove", (event) => this.#move(event));
    onFinger("pointerup", (event) => this.#up(event, true));
    onFinger("pointercancel", (event) => this.#up(event, false));
  }

  #pointer(dx: number, dy: number, dz: number): void {
    this.#send({ kind: "pointer", dx, dy, dz, buttons: this.#buttons });
  }

  #press(button: number): void {
    this.#buttons = button;
    this.#pointer(0, 0, 0);
  }

  #down(event: PointerEvent): void {
    this.#fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    clearTimeout(this.#longPress);
    if (this.#fingers.size > 1) {
      this.#drags = false;
      this.#hasMoved = true;
      return;
    }
    this.#hasMoved = false;
    this.#rest = { x: 0, y: 0 };
    this.#wheel = 0;
    this.#drags = event.timeStamp - this.#tappedAt < DRAG_MS;
    this.#longPress = window.setTimeout(() => {
      this.#hasMoved = true;
      this.#press(RIGHT);
    }, LONG_PRESS_MS);
  }

  #move(event: PointerEvent): void {
    const finger = this.#fingers.get(event.pointerId);
    if (finger === undefined) return;
    const [dx, dy] = [event.clientX - finger.x, event.clientY - finger.y];
    if (!this.#hasMoved) {
      if (Math.hypot(dx, dy) < SLOP) return;
      this.#hasMoved = true;
      clearTimeout(this.#longPress);
      if (this.#drags) this.#press(LEFT);
    }
    [finger.x, finger.y] = [event.clientX, event.clientY];
    if (this.#fingers.size > 1) this.#turnWheel(dy / this.#fingers.size);
    else this.#movePointer(dx * this.#scale(), dy * this.#scale());
  }

  #movePointer(x: number, y: number): void {
    this.#rest.x += x;
    this.#rest.y += y;
    const [dx, dy] = [Math.trunc(this.#rest.x), Math.trunc(this.#rest.y)];
    if (dx === 0 && dy === 0) return;
    this.#rest.x -= dx;
    this.#rest.y -= dy;
    this.#pointer(dx, -dy, 0);
  }

  /** What is under the fingers goes with them: a stroke upwards turns the wheel towards the user. */
  #turnWheel(y: number): void {
    this.#wheel += y;
    const steps = Math.trunc(this.#wheel / WHEEL_STROKE);
    if (steps === 0) return;
    this.#wheel -= steps * WHEEL_STROKE;
    this.#pointer(0, 0, steps);
  }

  #up(event: PointerEvent, isComplete: boolean): void {
    if (!this.#fingers.delete(event.pointerId) || this.#fingers.size > 0) return;
    clearTimeout(this.#longPress);
    if (this.#buttons !== 0) {
      this.#press(0);
    } else if (isComplete && !this.#hasMoved) {
      this.#press(LEFT);
      this.#press(0);
      this.#tappedAt = event.timeStamp;
    }
  }
}
