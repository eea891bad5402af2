// gallery.json: what entries are, and what is said of others.

import { expect, test } from "vitest";
import { NO_PLAN, planOf } from "./boot-options.ts";
import { chosenEntry, parseGallery, queryOf } from "./gallery.ts";

const ENTRY = { id: "a", title: "A", description: "", options: {} };

test("an entry's options are those of an address; the first entry is the default", () => {
  const entries = parseGallery(
    JSON.stringify([
      { ...ENTRY, options: { kernel: "k", module: ["m one", "n"], memory: "64M" } },
      { ...ENTRY, id: "own" },
    ]),
  );
  const first = chosenEntry(entries, new URLSearchParams());
  expect(first?.id).toBe("a");
  const query = first === undefined ? new URLSearchParams() : queryOf(first);
  expect(planOf(query)).toEqual({
    ...NO_PLAN,
    kernel: "k",
    modules: [
      { url: "m", commandLine: "m one" },
      { url: "n", commandLine: "n" },
    ],
    memory: "64M",
  });
  expect(chosenEntry(entries, new URLSearchParams("guest=own"))?.id).toBe("own");
  expect(chosenEntry([], new URLSearchParams())).toBeUndefined();
});

test("a guest that is not there is refused with those that are", () => {
  const query = new URLSearchParams("guest=<b>x</b>");
  expect(() => chosenEntry(parseGallery(JSON.stringify([ENTRY])), query)).toThrow(
    /^\?guest=<b>x<\/b>: expected a$/,
  );
  expect(() => chosenEntry([], query)).toThrow(/: there is no gallery$/);
});

test.each([
  ["{", /^gallery\.json: .*JSON/],
  ["{}", /^gallery\.json: expected a list of at most 100 entries$/],
  ["[1]", /^gallery\.json: entry 1: expected an object$/],
  [JSON.stringify([{ ...ENTRY, id: "a b" }]), /entry 1: id: expected up to 40 letters/],
  [JSON.stringify([ENTRY, { ...ENTRY, id: "b", title: "" }]), /entry 2: title: expected a text$/],
  [JSON.stringify([{ ...ENTRY, description: 1 }]), /description: expected a text$/],
  [JSON.stringify([{ ...ENTRY, options: { cpus: 2 } }]), /options: expected texts, or lists/],
  [JSON.stringify([{ ...ENTRY, options: [] }]), /options: expected texts/],
  [JSON.stringify([ENTRY, ENTRY]), /two entries have the id a$/],
])("%s is refused in a sentence", (text, sentence) => {
  expect(() => parseGallery(text)).toThrow(sentence);
});
