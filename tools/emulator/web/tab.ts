// A machine in this tab before an element of a page: the one that the address or the gallery asks for, or files that are
// chosen or dropped.

import { BootForm, readFiles } from "./boot-form.ts";
import {
  type BootOptions,
  type BootPlan,
  bootsSomething,
  fetchFiles,
  NO_PLAN,
  namesFiles,
  optionsOfFiles,
  planOf,
} from "./boot-options.ts";
import { signButton } from "./dom.ts";
import { onFiles } from "./drop.ts";
import { chosenEntry, type GalleryEntry, queryOf } from "./gallery.ts";
import { TabConnection } from "./tab-connection.ts";
import { type Extras, MachineView } from "./view.ts";

/** Files that are beside this script. */
const WORKER = "worker.js";
const PICTURES_MODULE = "pictures.wasm";
const MEGABYTE = 1e6;
/** What the window is called before something is booted. */
const NO_TITLE = "Trihedron";
const NOTHING = "Nothing is booted";

export class Tab {
  readonly #root: HTMLElement;
  readonly #extras: Extras;
  readonly #form = new BootForm((options) => this.boot(options));
  #connection: TabConnection | undefined;
  /** The worker waits for what it is to boot. */
  #isFresh = false;
  #view: MachineView | undefined;
  /** There is a view of another machine. */
  onView: (view: MachineView) => void = () => {};
  /** What has been booted is known. */
  onTitle: (title: string) => void = () => {};

  constructor(root: HTMLElement, extras: Extras = {}) {
    this.#root = root;
    this.#extras = extras;
    onFiles(root, (files) => void this.#drop(files));
  }

  get view(): MachineView | undefined {
    return this.#view;
  }

  /**
   * Boots what the query of an address asks for: files, an entry of the gallery, or the first one. Without any it asks
   * for files.
   */
  async start(
    query: URLSearchParams,
    gallery: Promise<readonly GalleryEntry[]>,
    base: string,
  ): Promise<void> {
    // It is loaded beside the files.
    const view = this.#renew();
    try {
      if (typeof WebAssembly === "undefined") {
        throw new Error("This browser has no WebAssembly, which the PC on this page is made of.");
      }
      const [plan, title] = await this.#planOf(query, gallery);
      if (!bootsSomething(plan)) {
        view.say(NOTHING);
        this.#form.open();
        return;
      }
      const options = await fetchFiles(plan, base, (name, received, total) => {
        if (this.#connection?.isOpen !== true) return;
        const of = total === undefined ? "" : ` of ${(total / MEGABYTE).toFixed(1)}`;
        view.say(`Loading ${name}: ${(received / MEGABYTE).toFixed(1)}${of} MB`);
      });
      // Somebody may have dropped something else in the meantime.
      if (view === this.#view) this.boot({ ...options, title });
    } catch (error) {
      if (view !== this.#view) return;
      view.say(NOTHING);
      view.fail((error as Error).message);
    }
  }

  /** What the query asks for, and what that is called, if it has a name of its own. */
  async #planOf(
    query: URLSearchParams,
    gallery: Promise<readonly GalleryEntry[]>,
  ): Promise<[BootPlan, title: string | undefined]> {
    if (namesFiles(query)) return [planOf(query), undefined];
    const entry = chosenEntry(await gallery, query);
    const defaults = entry === undefined ? NO_PLAN : planOf(queryOf(entry));
    return [planOf(query, defaults), entry?.title];
  }

  /** Another worker, and a view of what it will have. */
  #renew(): MachineView {
    this.close();
    const connection = new TabConnection(
      new URL(WORKER, import.meta.url),
      new URL(PICTURES_MODULE, import.meta.url),
    );
    this.#connection = connection;
    this.#isFresh = true;
    const own = signButton("open", "Boot …", "Boot a kernel, a disk or a CD of your own", () => {
      this.#form.open();
    });
    const { buttons = [], preferences } = this.#extras;
    const view = new MachineView(this.#root, connection, {
      buttons: [...buttons, own],
      preferences,
    });
    view.onTitle = (title) => this.onTitle(title);
    view.onClosed = () => {
      if (view.status === undefined) view.say(NOTHING);
    };
    this.onTitle(NO_TITLE);
    this.#root.append(this.#form.element);
    this.#view = view;
    this.onView(view);
    return view;
  }

  /** Ends the machine that is there, and boots another one. */
  boot(options: BootOptions): void {
    if (!this.#isFresh) this.#renew();
    this.#isFresh = false;
    if (this.#connection?.boot(options)) this.#view?.say("Starting …");
  }

  async #drop(files: Iterable<File>): Promise<void> {
    try {
      this.boot(optionsOfFiles(await readFiles(files)));
    } catch (error) {
      this.#view?.fail((error as Error).message);
    }
  }

  close(): void {
    this.#connection?.close();
    this.#connection = undefined;
  }
}
