// Values of command-line options: numbers, words, and QEMU's lists of properties.

import { nearest } from "../../cli/nearest.ts";
import type { NumberOption } from "../devices/device.ts";

/** A problem with the command line: one line. */
export class UsageError extends Error {
  override name = "UsageError";
}

export function number(option: string, text: string, min: number, max: number): number {
  const n = /^(0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : Number.NaN;
  if (!Number.isInteger(n) || n < min || n > max) {
    throw new UsageError(`${option} ${text}: expected a number from ${min} to ${max}`);
  }
  return n;
}

const MAX_BOOT_INDEX = 0x7fffffff;

/** bootindex= of a device, where it is given. */
export function bootIndexOf(
  option: string,
  props: ReadonlyMap<string, string>,
): number | undefined {
  const text = props.get("bootindex");
  return text === undefined ? undefined : number(`${option}: bootindex`, text, 0, MAX_BOOT_INDEX);
}

/** The options of a device that are given, by their rules: numbers, or words that stand for some. */
export function numbersOf(
  option: string,
  rules: Readonly<Record<string, NumberOption>>,
  props: ReadonlyMap<string, string>,
): Record<string, number> {
  const given = Object.entries(rules).flatMap(([key, { minimum, maximum, names, isSlot }]) => {
    let text = props.get(key);
    if (text === undefined) return [];
    if (isSlot) text = text.replace(/^(?:0x)?([0-9a-f]+)(?:\.0)?$/i, "0x$1");
    const named = names?.[text];
    if (names !== undefined && named === undefined) {
      throw new UsageError(`${option}: ${key}=${text}: expected ${Object.keys(names).join(", ")}`);
    }
    return [[key, named ?? number(`${option}: ${key}`, text, minimum, maximum)] as const];
  });
  return Object.fromEntries(given);
}

/** "a,key=value,…" as QEMU splits it: the first part without a key is under "". */
export function properties(text: string): Map<string, string> {
  const out = new Map<string, string>();
  // Two commas are one of the value's own.
  for (const [i, escaped] of text.replaceAll(",,", "\0").split(",").entries()) {
    const part = escaped.replaceAll("\0", ",");
    const at = part.indexOf("=");
    if (at < 0) out.set(i === 0 ? "" : part, i === 0 ? part : "on");
    else out.set(part.slice(0, at), part.slice(at + 1));
  }
  return out;
}

export function onlyKeys(
  option: string,
  props: Map<string, string>,
  known: readonly string[],
): void {
  for (const key of props.keys()) {
    if (key !== "" && !known.includes(key)) {
      throw new UsageError(`${option}: unknown property ${key}${suggest(key, known)}`);
    }
  }
}

/** " (did you mean X?)" with the word of `known` that was probably meant. */
export function suggest(word: string, known: readonly string[]): string {
  const best = nearest(word, known);
  return best === undefined ? "" : ` (did you mean ${best}?)`;
}

export function oneOf(option: string, text: string, known: readonly string[]): string {
  if (!known.includes(text)) {
    throw new UsageError(`${option} ${text}: expected ${known.join(", ")}${suggest(text, known)}`);
  }
  return text;
}

export function flag(option: string, text: string | undefined): boolean {
  return oneOf(option, text ?? "off", ["on", "off"]) === "on";
}
