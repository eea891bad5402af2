// What there is to boot beside the page: gallery.json has the entries, in the words of the page's address.

import { LoadError } from "../load-error.ts";
import { button, element } from "./dom.ts";

/** The file beside the page; where there is none, there is no gallery. */
const GALLERY = "gallery.json";
/** Of all entries together; somebody's file may be anything. */
const MAX_ENTRIES = 100;

export interface GalleryEntry {
  /** Its name in links, as in `?guest=ID`. */
  id: string;
  title: string;
  description: string;
  /** Options of the page's address; those without anything that boots ask for files. */
  options: Readonly<Record<string, string | readonly string[]>>;
}

type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isOption = (value: unknown): value is string | string[] =>
  typeof value === "string" ||
  (Array.isArray(value) && value.every((each) => typeof each === "string"));

function checkedEntry(value: unknown, number: number): GalleryEntry {
  const refuse = (what: string): never => {
    throw new LoadError(`${GALLERY}: entry ${number}: ${what}`);
  };
  if (!isFields(value)) return refuse("expected an object");
  const { id, title, description, options } = value;
  if (typeof id !== "string" || !/^[\w-]{1,40}$/.test(id)) {
    return refuse("id: expected up to 40 letters, digits, - and _");
  }
  if (typeof title !== "string" || title === "") return refuse("title: expected a text");
  if (typeof description !== "string") return refuse("description: expected a text");
  if (!isFields(options) || !Object.values(options).every(isOption)) {
    return refuse("options: expected texts, or lists of texts, by the names of options");
  }
  return { id, title, description, options: options as GalleryEntry["options"] };
}

/** The entries in the text of a gallery.json; the first is the default. Throws `LoadError`. */
export function parseGallery(text: string): GalleryEntry[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new LoadError(`${GALLERY}: ${(error as Error).message}`);
  }
  if (!Array.isArray(value) || value.length > MAX_ENTRIES) {
    throw new LoadError(`${GALLERY}: expected a list of at most ${MAX_ENTRIES} entries`);
  }
  const entries = value.map((each, i) => checkedEntry(each, i + 1));
  const twice = entries.find(({ id }, i) => entries.findIndex((each) => each.id === id) < i);
  if (twice !== undefined) throw new LoadError(`${GALLERY}: two entries have the id ${twice.id}`);
  return entries;
}

/** The entries beside the page at `base`; none where there is no gallery. Throws `LoadError`. */
export async function fetchGallery(base: string): Promise<GalleryEntry[]> {
  const response = await fetch(new URL(GALLERY, base)).catch(() => undefined);
  return response?.ok ? parseGallery(await response.text()) : [];
}

/** The entry that `query` names with `guest`, the first where it names none. Throws `LoadError`. */
export function chosenEntry(
  entries: readonly GalleryEntry[],
  query: URLSearchParams,
): GalleryEntry | undefined {
  const id = query.get("guest");
  if (id === null) return entries[0];
  const found = entries.find((entry) => entry.id === id);
  if (found !== undefined) return found;
  const known = entries.map((entry) => entry.id).join(", ");
  throw new LoadError(
    `?guest=${id}: ${known === "" ? "there is no gallery" : `expected ${known}`}`,
  );
}

/** The options of an entry as those of an address. */
export function queryOf({ options }: GalleryEntry): URLSearchParams {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(options)) {
    for (const each of typeof value === "string" ? [value] : value) query.append(name, each);
  }
  return query;
}

/** The dialog in which an entry is chosen; each is a link that can be given away. */
export class GalleryDialog {
  readonly element: HTMLDialogElement;

  constructor(entries: readonly GalleryEntry[]) {
    this.element = element(
      "dialog",
      { class: "gallery", "aria-label": "Gallery" },
      element("h2", {}, "Gallery"),
      element("p", {}, "Each runs in this tab and is a link that can be given away."),
      element(
        "ul",
        {},
        ...entries.map(({ id, title, description }) =>
          element(
            "li",
            {},
            element("a", { href: `?guest=${id}` }, title),
            element("p", {}, description),
          ),
        ),
      ),
      element(
        "div",
        { class: "bar" },
        button("Close", "Back to the machine", () => this.element.close()),
      ),
    );
  }

  open(): void {
    this.element.showModal();
  }
}
