// <trihedron-machine>: a machine in any page. Its attributes are the options of the page's address; modules are separated
// by commas, as for -initrd. Without files it boots what the gallery beside this script has.

import { namesFiles } from "./boot-options.ts";
import { fetchGallery } from "./gallery.ts";
import { Tab } from "./tab.ts";
import type { MachineView, Status } from "./view.ts";

const STYLE = "machine.css";
const OPTIONS = [
  ...["guest", "kernel", "append", "memory", "cpus", "vga", "accel", "clock", "paused"],
  ...["disk", "cdrom", "floppy"],
];
const HEIGHT = "32rem";

declare global {
  interface HTMLElementEventMap {
    /** The guest has sent this text on COM1, as Latin-1 characters. */
    "machine-serial": CustomEvent<string>;
    /** The machine is like this now: several times a second while it runs. */
    "machine-status": CustomEvent<Status>;
  }
}

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

  /** The machine's view: its screen, its serial console, what runs and stops it. */
  get view(): MachineView | undefined {
    return this.#tab?.view;
  }

  /** Types a text on COM1. */
  send(text: string): void {
    this.view?.send(text);
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
    const tab = new Tab(this);
    this.#tab = tab;
    tab.onView = (view) => {
      view.onSerial = (text) => this.#tell("machine-serial", text);
      view.onStatus = (status) => this.#tell("machine-status", status);
    };
    const isOwn = namesFiles(query);
    const base = isOwn ? document.baseURI : import.meta.url;
    void tab.start(query, isOwn ? Promise.resolve([]) : fetchGallery(base), base);
  }

  disconnectedCallback(): void {
    this.#tab?.close();
    this.#tab = undefined;
  }

  #tell(name: keyof HTMLElementEventMap, detail: string | Status): void {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

customElements.define("trihedron-machine", TrihedronMachine);
