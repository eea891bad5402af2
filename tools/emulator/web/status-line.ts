// The line below all: what the machine does, and how fast.

import type { FromMachine } from "../remote/messages.ts";
import { element } from "./dom.ts";

type Status = Extract<FromMachine, { kind: "status" }>;

const STATES = { running: "Running", paused: "Paused", waiting: "Waiting", off: "Off" } as const;

export class StatusLine {
  readonly element: HTMLElement;
  /** Told by screen readers when it changes; the figures beside it change all the time. */
  readonly #state = element("span", { class: "state", role: "status" }, "Connecting …");
  readonly #figures = element("span", { class: "figures" });
  #measured: { at: number; instructions: number; time: number } | undefined;
  #rates = "";

  /** `preferences` stand at its end. */
  constructor(preferences: readonly Node[]) {
    this.element = element("footer", { class: "foot" }, this.#state, this.#figures, ...preferences);
  }

  /** Says what happens before there is a machine. */
  say(text: string): void {
    if (this.#state.textContent !== text) this.#state.textContent = text;
  }

  show(status: Status): void {
    const { state, reason, instructions, time } = status;
    this.#measure(status);
    this.say(reason === "" ? STATES[state] : `${STATES[state]}: ${reason}`);
    this.#state.dataset.state = state;
    const done = `${(instructions / 1e6).toFixed(1)} million instructions in ${(time / 1e9).toFixed(2)} s of the machine's time`;
    this.#figures.textContent = state === "running" ? this.#rates : done;
  }

  /** Speed over about a second. */
  #measure({ instructions, time, clock: at }: Status): void {
    const last = this.#measured;
    const isSameRun = last !== undefined && instructions >= last.instructions && time >= last.time;
    if (isSameRun && at - last.at < 1000) return;
    this.#measured = { at, instructions, time };
    if (!isSameRun) return;
    const seconds = (at - last.at) / 1000;
    const millions = (instructions - last.instructions) / seconds / 1e6;
    const pace = (time - last.time) / 1e9 / seconds;
    this.#rates = `${millions.toFixed(1)} million instructions/s · ${pace.toFixed(2)} × real time`;
  }
}
