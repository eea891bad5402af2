// The dialog that saves the machine's state and brings it back: as a file, or in this browser under a name.

import type { Backend } from "./backend.ts";
import { button, element } from "./dom.ts";
import { SnapshotStore } from "./snapshot-store.ts";

const FILE_NAME = "machine.vmstate";

export class SnapshotDialog {
  readonly element: HTMLDialogElement;
  readonly #backend: Backend;
  readonly #names = element("select", { size: "5", "aria-label": "Kept in this browser" });
  readonly #name = element("input", { type: "text", value: "snapshot", "aria-label": "Name" });
  readonly #file = element("input", { type: "file" });
  readonly #told = element("p", { role: "status" });

  constructor(backend: Backend) {
    this.#backend = backend;
    this.#file.addEventListener("change", () => void this.#try(() => this.#loadFile()));
    const row = (...children: Node[]): HTMLElement => element("div", { class: "bar" }, ...children);
    const act = (text: string, title: string, what: () => Promise<string>): HTMLButtonElement =>
      button(text, title, () => void this.#try(what));
    this.element = element(
      "dialog",
      { "aria-label": "Snapshots" },
      element("h2", {}, "Snapshots"),
      element(
        "p",
        {},
        "The whole state of the machine: CPUs, memory, devices. One that is brought back takes the place of what there is now.",
      ),
      element("h3", {}, "As a file"),
      row(act("Save to a file", "Download the state", () => this.#saveFile())),
      element("label", { class: "labelled" }, element("span", {}, "Bring one back"), this.#file),
      element("h3", {}, "In this browser"),
      row(
        this.#name,
        act("Keep in this browser", "Save it here", () => this.#keep()),
      ),
      this.#names,
      row(
        act("Bring back", "Go on from the chosen one", () => this.#bringBack()),
        act("Delete", "Remove the chosen one from this browser", () => this.#remove()),
      ),
      this.#told,
      row(button("Close", "Back to the machine", () => this.element.close())),
    );
  }

  open(): void {
    this.#told.textContent = "";
    this.element.showModal();
    void this.#try(async () => {
      await this.#list();
      return "";
    });
  }

  async #try(what: () => Promise<string>): Promise<void> {
    this.#told.textContent = "Working …";
    try {
      this.#told.textContent = await what();
    } catch (error) {
      this.#told.textContent = (error as Error).message;
    }
  }

  async #state(): Promise<Uint8Array<ArrayBuffer>> {
    const { bytes } = await this.#backend.ask("save", "");
    return new Uint8Array(bytes ?? []);
  }

  async #restore(bytes: Uint8Array): Promise<string> {
    return (await this.#backend.ask("load", "", bytes)).text;
  }

  async #saveFile(): Promise<string> {
    const bytes = await this.#state();
    const href = URL.createObjectURL(new Blob([bytes]));
    element("a", { href, download: FILE_NAME }).click();
    URL.revokeObjectURL(href);
    return `${FILE_NAME}: ${bytes.length} bytes`;
  }

  async #loadFile(): Promise<string> {
    const [file] = this.#file.files ?? [];
    if (file === undefined) return "";
    this.#file.value = "";
    return this.#restore(new Uint8Array(await file.arrayBuffer()));
  }

  async #keep(): Promise<string> {
    const name = this.#name.value.trim();
    if (name === "") throw new Error("The snapshot needs a name.");
    const store = await SnapshotStore.open();
    await store.save(name, await this.#state());
    await this.#list();
    this.#names.value = name;
    return `kept as ${name}`;
  }

  get #chosen(): string {
    if (this.#names.value === "") throw new Error("Choose one of the list first.");
    return this.#names.value;
  }

  async #bringBack(): Promise<string> {
    const kept = await (await SnapshotStore.open()).load(this.#chosen);
    if (kept === undefined) throw new Error("It is not there any more.");
    return this.#restore(kept.bytes);
  }

  async #remove(): Promise<string> {
    const name = this.#chosen;
    await (await SnapshotStore.open()).remove(name);
    await this.#list();
    return `${name} is deleted`;
  }

  /** Lists what there is; what has been chosen meanwhile stays so. */
  async #list(): Promise<void> {
    const names = await (await SnapshotStore.open()).names();
    const chosen = this.#names.value;
    this.#names.replaceChildren(...names.map((name) => element("option", { value: name }, name)));
    this.#names.value = chosen;
  }
}
