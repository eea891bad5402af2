// The page: a view of the machine behind this server, or of one in the tab.

import type { BootPlan } from "./boot-options.ts";
import { SocketConnection } from "./socket-connection.ts";
import { Tab } from "./tab.ts";
import { MachineView } from "./view.ts";

/** The window's name says what has been booted. */
const nameWindow = (title: string): void => {
  document.title = `${title} – Trihedron`;
};

/** What boots where the address asks for nothing. */
const GUEST = "guest.json";

function showProcess(root: HTMLElement): void {
  const url = new URL("machine", document.baseURI);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  const view = new MachineView(root, new SocketConnection(url.href));
  view.onTitle = nameWindow;
  Object.assign(window, { machineView: view });
}

async function defaultGuest(base: string): Promise<BootPlan | undefined> {
  const response = await fetch(new URL(GUEST, base)).catch(() => undefined);
  return response?.ok ? ((await response.json()) as BootPlan) : undefined;
}

async function showTab(root: HTMLElement): Promise<void> {
  const tab = new Tab(root);
  tab.onTitle = nameWindow;
  const query = new URLSearchParams(location.search);
  Object.defineProperty(window, "machineView", { get: () => tab.view });
  if (query.get("hidden") === "pause") {
    document.addEventListener("visibilitychange", () => {
      tab.view?.command(document.hidden ? "pause" : "resume");
    });
  }
  await tab.start(query, defaultGuest(document.baseURI), document.baseURI);
}

const root = document.getElementById("machine");
if (root === null) throw new Error("the page has no element #machine");
if (document.documentElement.dataset.machine === "process") showProcess(root);
else void showTab(root);
