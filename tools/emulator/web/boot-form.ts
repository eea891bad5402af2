// The dialog in which files of one's own are chosen for a machine in the tab.

import {
  type BootOptions,
  type NamedFile,
  NO_PLAN,
  optionsOfFiles,
  sortedFiles,
} from "./boot-options.ts";
import { button, element } from "./dom.ts";

/** Files that a person has chosen or dropped, with their contents. */
export async function readFiles(files: Iterable<File>): Promise<NamedFile[]> {
  return Promise.all(
    [...files].map(async (file) => ({
      name: file.name,
      bytes: new Uint8Array(await file.arrayBuffer()),
    })),
  );
}

/** What files are to the machine, in words. */
const KINDS = {
  kernel: "kernel",
  module: "module",
  disk: "disk",
  floppy: "floppy",
  cdrom: "CD",
} as const;

function labelled(text: string, input: HTMLElement): HTMLElement {
  return element("label", { class: "labelled" }, element("span", {}, text), input);
}

export class BootForm {
  readonly element: HTMLDialogElement;
  readonly #files = element("input", { type: "file", multiple: true });
  readonly #append = element("input", { type: "text" });
  readonly #memory = element("input", { type: "text", value: NO_PLAN.memory });
  readonly #cpus = element("input", {
    type: "number",
    min: "1",
    max: "32",
    value: "1",
    required: true,
  });
  /** By the names of the chosen modules, what stands behind them in their command lines. */
  readonly #arguments = new Map<string, HTMLInputElement>();
  readonly #kinds = element("ul", { class: "files", "aria-label": "What they are taken for" });
  readonly #error = element("p", { class: "error", role: "alert" });

  constructor(boot: (options: BootOptions) => void) {
    const submit = async (): Promise<void> => {
      try {
        const options = optionsOfFiles(await readFiles(this.#files.files ?? []), {
          ...NO_PLAN,
          append: this.#append.value,
          memory: this.#memory.value,
          cpus: this.#cpus.valueAsNumber,
        });
        this.element.close();
        boot({ ...options, modules: options.modules.map((module) => this.#withArguments(module)) });
      } catch (error) {
        this.#error.textContent = (error as Error).message;
      }
    };
    const form = element(
      "form",
      {},
      element("h2", {}, "Boot your own"),
      element(
        "p",
        {},
        "A Multiboot or Linux kernel with its modules, a disk, a floppy or a CD. Files stay in this tab; they can be dropped on the page, too.",
      ),
      labelled("Files", this.#files),
      this.#kinds,
      labelled("Kernel command line", this.#append),
      labelled("Memory", this.#memory),
      labelled("CPUs", this.#cpus),
      this.#error,
      element(
        "div",
        { class: "bar" },
        element("button", { type: "submit" }, "Boot"),
        button("Cancel", "Keep the machine that is there", () => this.element.close()),
      ),
    );
    this.#files.addEventListener("change", () => void this.#showKinds());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void submit();
    });
    this.element = element("dialog", { "aria-label": "Boot your own" }, form);
  }

  /** Says what the chosen files are taken for. */
  async #showKinds(): Promise<void> {
    const files = sortedFiles(await readFiles(this.#files.files ?? []));
    this.#arguments.clear();
    this.#kinds.replaceChildren(
      ...files.map(({ name, kind }) => {
        const text = `${name}: ${KINDS[kind]}`;
        if (kind !== "module") return element("li", {}, text);
        const input = element("input", { type: "text", placeholder: "Arguments" });
        input.setAttribute("aria-label", `Arguments of ${name}`);
        this.#arguments.set(name, input);
        return element("li", {}, text, input);
      }),
    );
  }

  #withArguments<T extends BootOptions["modules"][number]>(module: T): T {
    const words = this.#arguments.get(module.name)?.value.trim() ?? "";
    return words === "" ? module : { ...module, commandLine: `${module.commandLine} ${words}` };
  }

  open(): void {
    this.#error.textContent = "";
    this.element.showModal();
  }
}
