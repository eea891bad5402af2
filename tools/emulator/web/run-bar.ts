// The bar that runs the machine: run or pause, one step, reset, power, and how time passes.

import type { CommandName, FromMachine } from "../remote/messages.ts";
import { element, setFace, signButton } from "./dom.ts";

type Status = Extract<FromMachine, { kind: "status" }>;

export class RunBar {
  readonly element: HTMLElement;
  readonly #run: HTMLButtonElement;
  readonly #step: HTMLButtonElement;
  readonly #power: HTMLButtonElement;
  readonly #speed: HTMLButtonElement;
  #status: Status | undefined;

  constructor(command: (name: CommandName) => void) {
    const isPaused = (): boolean => this.#status?.state === "paused";
    this.#run = signButton("pause", "Pause", "Stop the machine, or let it go on", () =>
      command(isPaused() ? "resume" : "pause"),
    );
    this.#step = signButton("step", "Step", "Execute one instruction of CPU 0", () =>
      command("step"),
    );
    const reset = signButton("reset", "Reset", "Start the machine from the beginning", () =>
      command("reset"),
    );
    this.#power = signButton("power", "Power", "Press the power button", () => command("power"));
    this.#speed = signButton(
      "fast",
      "Skip idle time",
      "Skip the time in which the guest waits",
      () => command(this.#status?.realTime ? "fast" : "real-time"),
    );
    this.element = element(
      "div",
      { class: "bar", role: "group", "aria-label": "Machine" },
      this.#run,
      this.#step,
      reset,
      this.#power,
      this.#speed,
    );
    for (const each of this.#buttons) each.disabled = true;
  }

  get #buttons(): NodeListOf<HTMLButtonElement> {
    return this.element.querySelectorAll("button");
  }

  show(status: Status): void {
    this.#status = status;
    const { state, realTime } = status;
    for (const each of this.#buttons) each.disabled = false;
    setFace(this.#run, state === "paused" ? "run" : "pause", state === "paused" ? "Run" : "Pause");
    this.#run.disabled = state === "off";
    this.#step.disabled = state !== "paused";
    this.#power.disabled = state === "off";
    setFace(this.#speed, realTime ? "fast" : "clock", realTime ? "Skip idle time" : "Real time");
    this.#speed.title = realTime
      ? "Skip the time in which the guest waits"
      : "Let the guest's clock go as ours does";
  }
}
