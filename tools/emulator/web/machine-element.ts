// <trihedron-machine>: a machine in any page. Its attributes are the options of the page's address; modules are separated
// by commas, as for -initrd.

import { Tab } from "./tab.ts";
import type { MachineView } from "./view.ts";

const STYLE = "machine.css";
const OPTIONS = [
  ...["kernel", "append", "memory", "cpus", "vga", "accel", "clock", "paused"],
  ...["disk", "cdrom", "floppy"],
];
const HEIGHT = "32rem";

/** Adds the machine's style sheet to the page, once. */
function addStyle(): void {
  const { href } = new URL(STYLE, import.meta.url);
  if (document.querySelector(`link[href="${href}"]`) !== null) return;
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = href;
  document.head.append(link);
}

export class TrihedronMachine extends HTMLElement {
  #tab: Tab | undefined;

  /** The machine's view; undefined until its files have come. */
  get view(): MachineView | undefined {
    return this.#tab?.view;
  }

  connectedCallback(): void {
    addStyle();
    this.style.height ||= HEIGHT;
    this.style.colorScheme ||= "light dark";
    const query = new URLSearchParams();
    for (const name of OPTIONS) {
      const value = this.getAttribute(name);
      if (value !== null) query.append(name, value);
    }
    const modules = this.getAttribute("modules")?.split(",") ?? [];
    for (const module of modules) query.append("module", module.trim());
    this.#tab = new Tab(this);
    void this.#tab.start(query, Promise.resolve([]), document.baseURI);
  }

  disconnectedCallback(): void {
    this.#tab?.close();
    this.#tab = undefined;
  }
}

customElements.define("trihedron-machine", TrihedronMachine);
