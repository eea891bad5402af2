// A machine that stands still while nobody sees its tab, if that is wanted. One that a person has stopped stays so.

import type { MachineView } from "./view.ts";

export class HiddenTab {
  readonly #view: () => MachineView | undefined;
  #stopped: MachineView | undefined;
  /** Whether the machine pauses; otherwise it keeps running. */
  pauses = false;

  constructor(view: () => MachineView | undefined) {
    this.#view = view;
    document.addEventListener("visibilitychange", () => this.#changed());
  }

  #changed(): void {
    if (!document.hidden) {
      this.#stopped?.command("resume");
      this.#stopped = undefined;
      return;
    }
    const view = this.#view();
    const runs = view?.status?.state === "running" || view?.status?.state === "waiting";
    if (!this.pauses || !runs) return;
    view.command("pause");
    this.#stopped = view;
  }
}
