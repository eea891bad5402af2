// The bar above the screen: keyboard, mouse, full screen, and key combinations that browsers and desktops keep for
// themselves.

import { element, signButton } from "./dom.ts";
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

function combinations(typist: Typist): HTMLSelectElement {
  const select = element(
    "select",
    { "aria-label": "Press keys that the browser keeps for itself" },
    element("option", { value: "" }, "Keys …"),
    ...COMBINATIONS.map(([label]) => element("option", { value: label }, label)),
  );
  select.addEventListener("change", () => {
    const chosen = COMBINATIONS.find(([label]) => label === select.value);
    if (chosen !== undefined) typist.press(chosen[1]);
    select.value = "";
  });
  return select;
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
    combinations(typist),
    signButton("full", "Full screen", "Show the screen alone", () => void screen.fullScreen()),
  );
}
