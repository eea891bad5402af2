// The bar above the screen: keyboard, mouse, full screen, and key combinations that browsers and desktops keep for
// themselves.

import { button, element, signButton } from "./dom.ts";
import type { Screen } from "./screen.ts";
import type { Typist } from "./typist.ts";

/** The combinations, by QEMU's names of the keys. */
const COMBINATIONS: readonly (readonly [label: string, keys: readonly string[]])[] = [
  ["Ctrl+Alt+Del", ["ctrl", "alt", "delete"]],
  ["Ctrl+W", ["ctrl", "w"]],
  ["Ctrl+T", ["ctrl", "t"]],
  ["Ctrl+N", ["ctrl", "n"]],
  ["Alt+Tab", ["alt", "tab"]],
  ["Alt+F4", ["alt", "f4"]],
  ["Alt+SysRq", ["alt", "sysrq"]],
  ...Array.from({ length: 6 }, (_, i): [string, string[]] => [
    `Ctrl+Alt+F${i + 1}`,
    ["ctrl", "alt", `f${i + 1}`],
  ]),
  ["Ctrl+Alt+G", ["ctrl", "alt", "g"]],
  ["Super", ["meta_l"]],
  ["F11", ["f11"]],
  ["Esc", ["esc"]],
  ["Print Screen", ["print"]],
];

/** Between a menu and the button that it hangs from, CSS pixels. */
const GAP = 4;

/** A button, and the menu of combinations that it opens; the menu stays, as combinations are often sent again. */
function combinations(typist: Typist): readonly [HTMLButtonElement, HTMLElement] {
  const menu = element(
    "div",
    { class: "menu", popover: "auto", role: "group", "aria-label": "Key combinations" },
    ...COMBINATIONS.map(([label, keys]) =>
      button(label, `Press ${label} in the machine`, () => typist.press(keys)),
    ),
  );
  // A browser of before 2024 may know no popovers: there the menu stays until the button is pressed again.
  const isPopover = typeof menu.togglePopover === "function";
  menu.hidden = !isPopover;
  const say = (isOpen: boolean) => opener.setAttribute("aria-expanded", String(isOpen));
  const opener = signButton("more", "Keys …", "Keys that the browser keeps for itself", () => {
    if (isPopover) menu.togglePopover();
    else menu.hidden = !menu.classList.toggle("open");
    const isOpen = isPopover ? menu.matches(":popover-open") : !menu.hidden;
    say(isOpen);
    if (!isOpen) return;
    const { bottom, right } = opener.getBoundingClientRect();
    menu.style.top = `${bottom + GAP}px`;
    menu.style.left = `${Math.max(GAP, right - menu.offsetWidth)}px`;
    // Here and not when the browser tells that the menu is open: a key may have been pressed by then.
    menu.querySelector("button")?.focus();
  });
  menu.addEventListener("toggle", (event) => say((event as ToggleEvent).newState === "open"));
  opener.setAttribute("aria-expanded", "false");
  opener.classList.add("opener");
  return [opener, menu];
}

/** A button that is pressed or not; `turn` turns it and says how it is. */
function toggle(
  sign: "keyboard" | "mouse",
  [text, title]: readonly [string, string],
  isOn: boolean,
  turn: () => boolean,
): HTMLButtonElement {
  const made = signButton(sign, text, title, () => {
    made.setAttribute("aria-pressed", String(turn()));
  });
  made.setAttribute("aria-pressed", String(isOn));
  return made;
}

export function screenBar(screen: Screen, typist: Typist): HTMLElement {
  return element(
    "div",
    { class: "strip" },
    element("h2", {}, "Screen"),
    toggle("keyboard", ["Keyboard", "Keys on the screen"], screen.hasKeyboard, () => {
      screen.toggleKeyboard();
      return screen.hasKeyboard;
    }),
    toggle(
      "mouse",
      ["Mouse", "A click on the screen catches the mouse; Esc lets it go"],
      false,
      () => {
        screen.mouse.isWanted = !screen.mouse.isWanted;
        return screen.mouse.isWanted;
      },
    ),
    ...combinations(typist),
    signButton("full", "Full screen", "Show the screen alone", () => void screen.fullScreen()),
  );
}
