// Distances worked out by hand, and what is near enough to be suggested.

import { expect, test } from "vitest";
import { editDistance, nearest } from "./nearest.ts";

test.each([
  ["", "", 0],
  ["", "abc", 3],
  ["abc", "", 3],
  ["kernel", "kernel", 0],
  ["kernal", "kernel", 1],
  ["kernle", "kernel", 1],
  ["ab", "ba", 1],
  ["sitting", "kitten", 3],
  ["enable-kvm", "append", 8],
])("from %j to %j it is %i", (a, b, distance) => {
  expect(editDistance(a, b)).toBe(distance);
  expect(editDistance(b, a)).toBe(distance);
});

const FLAGS = ["-append", "-kernel", "-m", "-s", "-S", "-smp", "-serial", "-hda"];

test.each([
  ["-kernal", "-kernel"],
  ["--kernel", "-kernel"],
  ["-kernle", "-kernel"],
  ["-hd", "-hda"],
  ["-seriall", "-serial"],
])("%s is near %s", (word, meant) => {
  expect(nearest(word, FLAGS)).toBe(meant);
});

test.each(["-enable-kvm", "-x", "-", "", "-netdev", "-accel", "-xyz"])(
  "%j is near nothing",
  (word) => {
    expect(nearest(word, FLAGS)).toBeUndefined();
  },
);
