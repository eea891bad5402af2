// Keys and the mouse. Keys that are held and let go are events at points of the machine's virtual time, so that a run
// in which they were sent can be repeated.

import { KEYS, type Key, keyOfName } from "../devices/keys.ts";
import type { Machine } from "../machine.ts";
import type { Command } from "./command.ts";
import { MonitorError } from "./command-line.ts";

/** How long keys are held unless it is said, as QEMU holds them. */
export const HOLD_MS = 100;
export const MAX_HOLD_MS = 60_000;
/** Names that QEMU's monitor took before it had those of now. */
const ALIASES: Readonly<Record<string, string>> = {
  "<": "less",
  " ": "spc",
  "*": "kp_multiply",
  "-": "minus",
};
const MAX_KEYS = 16;
/** A mouse is not thrown farther than this at once. */
const MAX_MOVE = 32767;
/** The mouse's number. */
export const MOUSE = 0;
const MAX_INDEX = 0x7fff_ffff;

/** A key by its name, or by its scan code as 0x…: bit 7 stands for the prefix E0. */
export function keyOf(text: string): Key | undefined {
  const name = ALIASES[text] ?? text;
  if (!/^0x[0-9a-f]+$/i.test(name)) return keyOfName(name);
  return keyOfCode(Number(name));
}

/** A key by its number, as QMP gives it. */
export function keyOfCode(number: number): Key | undefined {
  const code = number & 0x7f;
  const extended = (number & 0x80) !== 0;
  if (!Number.isInteger(number) || number < 1 || number > 0xff || code === 0) return undefined;
  return { name: `0x${number.toString(16)}`, code, extended, dom: "" };
}

/** Presses keys one after the other and lets them go in the opposite order, each step `holdMs` after the one before. */
export function pressKeys(machine: Machine, keys: readonly Key[], holdMs: number): void {
  const events = [
    ...keys.map((key) => ({ key, down: true })),
    ...[...keys].reverse().map((key) => ({ key, down: false })),
  ].map(({ key: { code, extended }, down }) => ({ kind: "key", code, extended, down }) as const);
  machine.inputInTurn(events, holdMs * 1e6);
}

export const INPUT_COMMANDS: readonly Command[] = [
  {
    names: ["sendkey"],
    parameters: "keys [hold_ms]",
    help: `send keys to the VM (e.g. 'sendkey ctrl-alt-f1', default hold time=${HOLD_MS} ms)`,
    words: () => KEYS.map(({ name }) => name),
    run: ({ control }, line) => {
      const text = line.required("keys, such as ctrl-alt-f1");
      const hold = line.number("milliseconds", 0, MAX_HOLD_MS) ?? HOLD_MS;
      line.end();
      // A name may be the minus itself.
      const names = text === "-" ? ["-"] : text.split("-");
      const keys = names.map((name) => {
        const key = keyOf(name);
        if (key === undefined) {
          throw new MonitorError(
            `invalid parameter: ${name}; keys are a to z, 0 to 9, f1, ret, spc, ctrl, shift, alt, … or 0x and a scan code`,
          );
        }
        return key;
      });
      if (keys.length > MAX_KEYS) {
        throw new MonitorError(`${keys.length} keys: at most ${MAX_KEYS} are held at once`);
      }
      pressKeys(control.machine, keys, hold);
      return "";
    },
  },
  {
    names: ["mouse_move"],
    parameters: "dx dy [dz]",
    help: "send mouse move events: steps to the right, downwards, and of the wheel upwards",
    run: ({ control, pointer }, line) => {
      const along = (what: string): number | undefined => line.number(what, -MAX_MOVE, MAX_MOVE);
      const dx = along("steps to the right");
      const dy = along("steps downwards");
      const dz = along("steps of the wheel") ?? 0;
      line.end();
      if (dx === undefined || dy === undefined) throw new MonitorError("expected dx and dy");
      pointer.move(control.machine, dx, dy, Math.sign(dz));
      return "";
    },
  },
  {
    names: ["mouse_button"],
    parameters: "state",
    help: "change mouse button state (sum of 1 left, 2 right, 4 middle)",
    run: ({ control, pointer }, line) => {
      const buttons = line.number("the sum of 1 left, 2 right and 4 middle", 0, 7);
      line.end();
      if (buttons === undefined)
        throw new MonitorError("expected the state of the buttons, 0 to 7");
      pointer.hold(control.machine, buttons);
      return "";
    },
  },
  {
    names: ["mouse_set"],
    parameters: "index",
    help: "set which mouse device receives events; info mice lists them",
    words: () => [`${MOUSE}`],
    run: (_context, line) => {
      const index = line.number("the number of a mouse", 0, MAX_INDEX);
      line.end();
      if (index === undefined) throw new MonitorError("expected the number of a mouse");
      if (index !== MOUSE) throw new MonitorError(`mouse at index '${index}' not found`);
      return "";
    },
  },
];
