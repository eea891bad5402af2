// The machine's screen on a canvas, in whole multiples of its pixels where there is room, with the keyboard on the screen
// below it. The keys of whoever has clicked on it go to the guest until Ctrl+Alt+G.

import { keyOfDom } from "../devices/keys.ts";
import type { InputEvent } from "../input.ts";
import type { PicturePart } from "./backend.ts";
import { element } from "./dom.ts";
import { Mouse } from "./mouse.ts";
import { screenBar } from "./screen-bar.ts";
import { SoftInput } from "./soft-input.ts";
import { TouchKeyboard } from "./touch-keyboard.ts";
import { TouchPad } from "./touch-pad.ts";
import type { Typist } from "./typist.ts";

export const NO_CANVAS = "This browser has no canvas to draw the machine's screen on.";
const HINT_FREE = "Click the screen, or press Enter on it, to type into the machine.";
const HINT_CAUGHT = "Keys go to the machine. Ctrl+Alt+G gives them back.";
const HINT_MOUSE = "Keys and mouse go to the machine. Ctrl+Alt+G gives them back, Esc the mouse.";
const HINT_TOUCH =
  "A tap clicks, a long press is the right button, two fingers scroll. Keys are below.";

/** Devices that are touched and have no mouse. */
const TOUCHED = "(pointer: coarse) and (not (any-pointer: fine))";

/** Keys that browsers keep but where a page in full screen asks for them (Keyboard Lock, 4). */
interface KeyboardLock {
  lock(): Promise<void>;
}

/** Hints so far: each has a name of its own, as pages may show several machines. */
let hints = 0;

export class Screen {
  readonly element: HTMLElement;
  readonly mouse: Mouse;
  readonly #canvas: HTMLCanvasElement;
  readonly #hint: HTMLElement;
  readonly #frame: HTMLElement;
  readonly #stage: HTMLElement;
  readonly #typist: Typist;
  readonly #keyboard: TouchKeyboard;
  readonly #softInput: SoftInput;
  #isCaught = false;

  constructor(send: (event: InputEvent) => void, typist: Typist) {
    this.#typist = typist;
    const hint = `trihedron-hint-${++hints}`;
    this.#canvas = element("canvas", {
      tabindex: "0",
      role: "application",
      "aria-label": "Screen of the machine",
      "aria-describedby": hint,
      width: "720",
      height: "400",
    });
    this.mouse = new Mouse(this.#canvas, send);
    this.mouse.onRefused = (reason) => this.#tell(reason);
    this.mouse.onChange = () => this.#tell(this.#usualHint);
    this.#keyboard = new TouchKeyboard(typist);
    this.#keyboard.onDevice = () => this.#turnDevice();
    this.#softInput = new SoftInput(typist);
    this.#softInput.onUnknown = (characters) => {
      this.#tell(`A US keyboard has no keys for ${characters}`);
    };
    this.#hint = element("p", { id: hint, class: "hint", "aria-live": "polite" });
    this.#frame = element("div", { class: "frame" }, this.#canvas, this.#softInput.element);
    this.#stage = element("div", { class: "stage" }, this.#frame, this.#keyboard.element);
    this.element = element(
      "section",
      { class: "screen", "aria-label": "Screen" },
      this.#stage,
      this.#hint,
    );
    this.#tell(this.#usualHint);
    new ResizeObserver(() => this.#fit()).observe(this.#frame);
    this.#listen(send);
    if (matchMedia(TOUCHED).matches) this.toggleKeyboard();
    this.element.prepend(screenBar(this, typist));
  }

  get width(): number {
    return this.#canvas.width;
  }

  get height(): number {
    return this.#canvas.height;
  }

  /** The picture: bytes R, G, B, A, row by row. */
  picture(): Uint8ClampedArray {
    const image = this.#context?.getImageData(0, 0, this.width, this.height);
    if (image === undefined) throw new Error(NO_CANVAS);
    return image.data;
  }

  /** Null where the browser, or somebody's settings, refuses canvases. */
  get #context(): CanvasRenderingContext2D | null {
    return this.#canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  }

  /** The browser can show pictures. */
  get isDrawable(): boolean {
    return this.#context !== null;
  }

  resize(width: number, height: number): void {
    this.#canvas.width = Math.max(1, width);
    this.#canvas.height = Math.max(1, height);
    this.#frame.style.setProperty("--shape", `${this.width} / ${this.height}`);
    this.#fit();
  }

  draw({ image, x, y, width, height }: PicturePart): void {
    this.#context?.putImageData(image, 0, 0, x, y, width, height);
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
    if (document.fullscreenElement !== null) {
      await document.exitFullscreen();
      return;
    }
    this.focus();
    if (this.#stage.requestFullscreen === undefined) {
      this.#tell("This browser shows no part of a page in full screen.");
      return;
    }
    try {
      await this.#stage.requestFullscreen();
      const { keyboard } = navigator as Navigator & { keyboard?: KeyboardLock };
      await keyboard?.lock();
    } catch (error) {
      this.#tell(`The browser shows no full screen: ${(error as Error).message}`);
    }
  }

  focus(): void {
    this.#canvas.focus();
    this.#catch(true);
  }

  // ---- Keyboards on the screen

  get hasKeyboard(): boolean {
    return this.#keyboard.isOpen;
  }

  toggleKeyboard(): void {
    this.#keyboard.toggle();
    this.#tell(this.#usualHint);
  }

  /** The device's own keyboard in the place of ours, or back. */
  #turnDevice(): void {
    if (document.activeElement === this.#softInput.element) this.focus();
    else this.#softInput.focus();
  }

  // ---- Keys

  get #usualHint(): string {
    if (this.mouse.isCaught) return HINT_MOUSE;
    if (matchMedia(TOUCHED).matches) return HINT_TOUCH;
    return this.#isCaught ? HINT_CAUGHT : HINT_FREE;
  }

  #tell(hint: string): void {
    this.#hint.textContent = hint;
  }

  #listen(send: (event: InputEvent) => void): void {
    const canvas = this.#canvas;
    canvas.addEventListener("keydown", (event) => this.#keyDown(event));
    canvas.addEventListener("keyup", (event) => this.#keyUp(event));
    canvas.addEventListener("blur", () => this.#catch(false));
    canvas.addEventListener("pointerdown", (event) => this.#pointerDown(event));
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    new TouchPad(canvas, () => canvas.width / canvas.clientWidth, send);
    const input = this.#softInput.element;
    input.addEventListener("focus", () => {
      this.#keyboard.isBrief = true;
    });
    input.addEventListener("blur", () => {
      this.#keyboard.isBrief = false;
    });
  }

  #catch(on: boolean): void {
    this.#isCaught = on;
    this.#frame.classList.toggle("caught", on);
    if (!on) {
      this.#typist.letGo();
      this.mouse.giveBack();
    }
    this.#tell(this.#usualHint);
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
    if (key !== undefined) this.#typist.down(key);
  }

  #keyUp(event: KeyboardEvent): void {
    const key = keyOfDom(event.code);
    if (key === undefined || !this.#isCaught) return;
    event.preventDefault();
    this.#typist.up(key);
  }

  #pointerDown(event: PointerEvent): void {
    // Fingers do not take the focus from the device's keyboard, which would go away.
    if (event.pointerType === "touch" && document.activeElement === this.#softInput.element) {
      event.preventDefault();
      return;
    }
    this.focus();
    if (event.pointerType !== "touch") void this.mouse.catch();
  }
}
