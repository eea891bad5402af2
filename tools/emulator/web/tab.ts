// A machine in this tab before an element of a page: the one that the address or guest.json asks for, or files that are
// chosen or dropped.

import { BootForm, readFiles } from "./boot-form.ts";
import {
  type BootOptions,
  type BootPlan,
  bootsSomething,
  fetchFiles,
  optionsOfFiles,
  planOf,
} from "./boot-options.ts";
import { button } from "./dom.ts";
import { TabConnection } from "./tab-connection.ts";
import { MachineView } from "./view.ts";

/** Files that are beside this script. */
const WORKER = "worker.js";

export class Tab {
  readonly #root: HTMLElement;
  readonly #form = new BootForm((options) => this.boot(options));
  #connection: TabConnection | undefined;
  /** A worker that waits for what it is to boot. */
  #ready: TabConnection | undefined;
  view: MachineView | undefined;
  /** What has been booted is known. */
  onTitle: (title: string) => void = () => {};

  constructor(root: HTMLElement) {
    this.#root = root;
    root.addEventListener("dragover", (event) => event.preventDefault());
    root.addEventListener("drop", (event) => {
      event.preventDefault();
      void this.#drop(event.dataTransfer?.files ?? []);
    });
  }

  /** Boots what the query of an address asks for, or `defaults`; without either it asks for files. */
  async start(
    query: URLSearchParams,
    defaults: Promise<BootPlan | undefined> | undefined,
    base: string,
  ): Promise<void> {
    try {
      if (typeof WebAssembly === "undefined") {
        throw new Error("This browser has no WebAssembly, which the PC on this page is made of.");
      }
      // It is loaded beside the files.
      this.#ready = new TabConnection(new URL(WORKER, import.meta.url));
      const plan = planOf(query, await defaults);
      if (bootsSomething(plan)) this.boot(await fetchFiles(plan, base));
      else this.#form.open();
    } catch (error) {
      this.#fail((error as Error).message);
    }
  }

  /** Ends the machine that is there, and boots another one. */
  boot(options: BootOptions): void {
    this.#connection?.close();
    const connection = this.#ready ?? new TabConnection(new URL(WORKER, import.meta.url));
    this.#ready = undefined;
    this.#connection = connection;
    const own = button("Boot …", "Boot a kernel, a disk or a CD of your own", () => {
      this.#form.open();
    });
    this.view = new MachineView(this.#root, connection, [own]);
    this.view.onTitle = (title) => this.onTitle(title);
    connection.boot(options);
    this.#root.append(this.#form.element);
  }

  async #drop(files: Iterable<File>): Promise<void> {
    try {
      this.boot(optionsOfFiles(await readFiles(files)));
    } catch (error) {
      this.#fail((error as Error).message);
    }
  }

  #fail(text: string): void {
    if (this.view !== undefined) {
      this.view.fail(text);
      return;
    }
    const { element } = this.#form;
    const own = button("Boot …", "Boot a kernel, a disk or a CD of your own", () => {
      this.#form.open();
    });
    const line = document.createElement("p");
    line.className = "error";
    line.setAttribute("role", "alert");
    line.textContent = text;
    this.#root.classList.add("trihedron");
    this.#root.replaceChildren(line, own, element);
  }

  close(): void {
    this.#connection?.close();
    this.#connection = undefined;
    this.#ready?.close();
    this.#ready = undefined;
  }
}
