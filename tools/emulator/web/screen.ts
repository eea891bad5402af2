// The machine's screen on a canvas, in whole multiples of its pixels where there is room; the keys and the mouse of
// whoever has clicked on it go to the guest until Ctrl+Alt+G.

import { type Key, keyOfDom, keyOfName } from "../devices/keys.ts";
import { toRgba } from "../devices/pixel-order.ts";
import type { InputEvent } from "../input.ts";
import type { FromMachine } from "../remote/messages.ts";
import { element } from "./dom.ts";

/** Pixels of a wheel's movement that are one step of a PS/2 wheel. */
const WHEEL_STEP = 100;
const HINT_FREE = "Click the screen, or press Enter on it, to type into the machine.";
const HINT_CAUGHT = "Keys go to the machine. Ctrl+Alt+G gives them back.";

/** Hints so far: each has a name of its own, as pages may show several machines. */
let hints = 0;

type Pixels = Extract<FromMachine, { kind: "pixels" }>;

export class Screen {
  readonly element: HTMLElement;
  readonly #canvas: HTMLCanvasElement;
  readonly #hint: HTMLElement;
  readonly #frame: HTMLElement;
  readonly #send: (event: InputEvent) => void;
  readonly #held = new Map<string, Key>();
  #isCaught = false;
  #catchesMouse = false;
  #wheel = 0;

  constructor(send: (event: InputEvent) => void) {
    this.#send = send;
    const hint = `trihedron-hint-${++hints}`;
    this.#canvas = element("canvas", {
      tabindex: "0",
      role: "application",
      "aria-label": "Screen of the machine",
      "aria-describedby": hint,
      width: "720",
      height: "400",
    });
    this.#hint = element("p", { id: hint, class: "hint" }, HINT_FREE);
    this.#frame = element("div", { class: "frame" }, this.#canvas);
    this.element = element(
      "section",
      { class: "screen", "aria-label": "Screen" },
      this.#frame,
      this.#hint,
    );
    new ResizeObserver(() => this.#fit()).observe(this.#frame);
    this.#listen();
  }

  get width(): number {
    return this.#canvas.width;
  }

  get height(): number {
    return this.#canvas.height;
  }

  /** The picture: bytes R, G, B, A, row by row. */
  picture(): Uint8ClampedArray {
    return this.#context.getImageData(0, 0, this.width, this.height).data;
  }

  get #context(): CanvasRenderingContext2D {
    const context = this.#canvas.getContext("2d", { alpha: false, willReadFrequently: true });
    if (context === null) throw new Error("This browser has no canvas to draw the screen on.");
    return context;
  }

  resize(width: number, height: number): void {
    this.#canvas.width = Math.max(1, width);
    this.#canvas.height = Math.max(1, height);
    this.#fit();
  }

  draw({ x, y, width, height, order, bytes }: Pixels): void {
    const { buffer, byteOffset, length } = bytes as Uint8Array<ArrayBuffer>;
    if (order === "bgrx") toRgba(new Uint32Array(buffer, byteOffset, length / 4));
    const pixels = new Uint8ClampedArray(buffer, byteOffset, length);
    this.#context.putImageData(new ImageData(pixels, width, height), x, y);
  }

  /** Whole device pixels for each pixel of the machine, or as much as there is room for. */
  #fit(): void {
    const { clientWidth, clientHeight } = this.#frame;
    const ratio = window.devicePixelRatio;
    const room = Math.min((clientWidth * ratio) / this.width, (clientHeight * ratio) / this.height);
    const scale = (room >= 1 ? Math.floor(room) : room) / ratio;
    if (!(scale > 0)) return;
    this.#canvas.classList.toggle("shrunk", room < 1);
    this.#canvas.style.width = `${this.width * scale}px`;
    this.#canvas.style.height = `${this.height * scale}px`;
  }

  async fullScreen(): Promise<void> {
    if (document.fullscreenElement !== null) await document.exitFullscreen();
    else await this.#frame.requestFullscreen();
    this.focus();
  }

  focus(): void {
    this.#canvas.focus();
    this.#catch(true);
  }

  /** Whether a click on the screen catches the mouse. */
  set catchesMouse(on: boolean) {
    this.#catchesMouse = on;
    if (!on && document.pointerLockElement === this.#canvas) document.exitPointerLock();
  }

  /** Presses keys, by QEMU's names, together, and lets them go. */
  press(names: readonly string[]): void {
    const keys = names.flatMap((name) => keyOfName(name) ?? []);
    for (const key of keys) this.#key(key, true);
    for (const key of keys.reverse()) this.#key(key, false);
  }

  // ---- Keys

  #listen(): void {
    const canvas = this.#canvas;
    canvas.addEventListener("keydown", (event) => this.#keyDown(event));
    canvas.addEventListener("keyup", (event) => this.#keyUp(event));
    canvas.addEventListener("blur", () => this.#catch(false));
    canvas.addEventListener("pointerdown", (event) => this.#pointerDown(event));
    canvas.addEventListener("pointermove", (event) => this.#pointerMove(event));
    canvas.addEventListener("pointerup", (event) => this.#pointerMove(event));
    canvas.addEventListener("wheel", (event) => this.#turnWheel(event), { passive: false });
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  }

  #catch(on: boolean): void {
    this.#isCaught = on;
    this.#hint.textContent = on ? HINT_CAUGHT : HINT_FREE;
    this.#frame.classList.toggle("caught", on);
    if (on) return;
    for (const key of this.#held.values()) this.#key(key, false);
    this.#held.clear();
    if (document.pointerLockElement === this.#canvas) document.exitPointerLock();
  }

  #key({ code, extended }: Key, down: boolean): void {
    this.#send({ kind: "key", code, extended, down });
  }

  #keyDown(event: KeyboardEvent): void {
    if (!this.#isCaught) {
      if (event.code !== "Enter") return;
      event.preventDefault();
      this.#catch(true);
      return;
    }
    event.preventDefault();
    if (event.ctrlKey && event.altKey && event.code === "KeyG") {
      this.#catch(false);
      return;
    }
    const key = keyOfDom(event.code);
    if (key === undefined) return;
    this.#held.set(event.code, key);
    this.#key(key, true);
  }

  #keyUp(event: KeyboardEvent): void {
    const key = this.#held.get(event.code);
    if (key === undefined) return;
    event.preventDefault();
    this.#held.delete(event.code);
    this.#key(key, false);
  }

  // ---- Mouse

  #pointerDown(event: PointerEvent): void {
    const wasCaught = this.#isCaught;
    this.#canvas.focus();
    this.#catch(true);
    if (!this.#catchesMouse) return;
    if (document.pointerLockElement !== this.#canvas) void this.#canvas.requestPointerLock();
    else if (wasCaught) this.#pointerMove(event);
  }

  #pointerMove(event: PointerEvent): void {
    if (document.pointerLockElement !== this.#canvas) return;
    const [dx, dy] = [Math.round(event.movementX), -Math.round(event.movementY)];
    this.#send({ kind: "pointer", dx, dy, dz: 0, buttons: event.buttons & 31 });
  }

  #turnWheel(event: WheelEvent): void {
    if (document.pointerLockElement !== this.#canvas) return;
    event.preventDefault();
    this.#wheel += event.deltaY;
    const steps = Math.trunc(this.#wheel / WHEEL_STEP);
    if (steps === 0) return;
    this.#wheel -= steps * WHEEL_STEP;
    this.#send({ kind: "pointer", dx: 0, dy: 0, dz: -steps, buttons: event.buttons & 31 });
  }
}
