// What a person prefers on this page, kept in the browser where it keeps anything: light or dark, and whether the machine
// stands still while nobody sees the tab.

import { element } from "./dom.ts";

export const THEMES = ["auto", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const PREFIX = "trihedron-";

/** The value under `name`; `otherwise` where there is none, or the browser keeps nothing for this page. */
function kept(name: string, otherwise: string): string {
  try {
    return localStorage.getItem(PREFIX + name) ?? otherwise;
  } catch {
    return otherwise;
  }
}

function keep(name: string, value: string): void {
  try {
    localStorage.setItem(PREFIX + name, value);
  } catch {
    // It holds until the page is closed.
  }
}

const schemeOf = (theme: Theme): string => (theme === "auto" ? "light dark" : theme);

/** The choice of a theme for the whole page, with its label. */
export function themeChoice(): HTMLElement {
  const theme = THEMES.find((each) => each === kept("theme", "auto")) ?? "auto";
  const select = element(
    "select",
    {},
    ...THEMES.map((each) => element("option", { value: each, selected: each === theme }, each)),
  );
  const apply = (): void => {
    document.documentElement.style.colorScheme = schemeOf(select.value as Theme);
  };
  select.addEventListener("change", () => {
    keep("theme", select.value);
    apply();
  });
  apply();
  return element("label", { class: "preference" }, "Theme", select);
}

/**
 * The choice whether a tab that is hidden pauses, which the page's address may have `asked` for; `change` is told at once
 * and whenever it changes.
 */
export function hiddenChoice(asked: string | null, change: (pauses: boolean) => void): HTMLElement {
  const pauses = (asked ?? kept("hidden", "run")) === "pause";
  const box = element("input", { type: "checkbox", checked: pauses });
  box.addEventListener("change", () => {
    keep("hidden", box.checked ? "pause" : "run");
    change(box.checked);
  });
  change(pauses);
  return element("label", { class: "preference" }, box, "Pause while hidden");
}
