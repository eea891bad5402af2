// The page: a view of the machine behind this server, or of one in the tab.

import { signButton } from "./dom.ts";
import { refuseFiles } from "./drop.ts";
import { fetchGallery, GalleryDialog, type GalleryEntry } from "./gallery.ts";
import { HiddenTab } from "./hidden-tab.ts";
import { hiddenChoice, themeChoice } from "./preferences.ts";
import { SocketConnection } from "./socket-connection.ts";
import { Tab } from "./tab.ts";
import { MachineView } from "./view.ts";

const NAME = "Trihedron";

/** The window's name says what has been booted. */
const nameWindow = (title: string): void => {
  document.title = title === NAME ? NAME : `${title} – ${NAME}`;
};

function showProcess(root: HTMLElement): void {
  const view = new MachineView(root, new SocketConnection(document.baseURI), {
    preferences: [themeChoice()],
  });
  view.onTitle = nameWindow;
  refuseFiles(document.documentElement);
  Object.assign(window, { machineView: view });
}

/** The button of the gallery, which is there when there are entries. */
function galleryButton(gallery: Promise<readonly GalleryEntry[]>): HTMLButtonElement {
  let dialog: GalleryDialog | undefined;
  const made = signButton("gallery", "Gallery …", "What there is to boot", () => {
    if (dialog === undefined) return;
    made.closest(".trihedron")?.append(dialog.element);
    dialog.open();
  });
  made.hidden = true;
  void gallery.then(
    (entries) => {
      dialog = new GalleryDialog(entries);
      made.hidden = entries.length === 0;
    },
    () => undefined,
  );
  return made;
}

function showTab(root: HTMLElement): void {
  const query = new URLSearchParams(location.search);
  const gallery = fetchGallery(document.baseURI);
  const hidden = new HiddenTab(() => tab.view);
  const tab = new Tab(root, {
    buttons: [galleryButton(gallery)],
    preferences: [
      hiddenChoice(query.get("hidden"), (pauses) => {
        hidden.pauses = pauses;
      }),
      themeChoice(),
    ],
  });
  tab.onTitle = nameWindow;
  Object.defineProperty(window, "machineView", { get: () => tab.view });
  void tab.start(query, gallery, document.baseURI);
}

const root = document.getElementById("machine");
if (root === null) throw new Error("the page has no element #machine");
if (document.documentElement.dataset.machine === "process") showProcess(root);
else showTab(root);
