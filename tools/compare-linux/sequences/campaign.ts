// Random sequences of system calls (sequence.c, families/) on Linux and in the guest: which seeds differ, and the few calls
// of a sequence that are enough for its difference.

import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { compile } from "../folder.ts";
import { runInGuest } from "../guest.ts";
import type { Outcome, Program } from "../program.ts";
import { type Chunk, chunks, kept, without } from "./shrink.ts";

const HERE = fileURLToPath(new URL(".", import.meta.url));
/** Seeds of one run of the program. */
const SEEDS = 50;
/** How often Linux is asked again what differs. */
const AGAIN = 3;

/** The compiled program, which of its families of calls is meant, and the Linux that tells what is right. */
export interface Family {
  data: Uint8Array;
  name: string;
  runOnLinux: (programs: readonly Program[]) => Promise<Outcome[]>;
}

export interface Campaign {
  /** The first seed, from 1. */
  first: number;
  seeds: number;
  /** Calls of each seed. */
  calls: number;
}

/** What is left of a sequence, and what its calls gave. */
export interface Difference {
  seed: number;
  kept: string;
  linux: string;
  guest: string;
}

/** Names of all families, that of the mixture first. */
export function familyNames(): string[] {
  const names = readdirSync(join(HERE, "families")).map((file) => basename(file, ".c"));
  return ["mixed", ...names.filter((name) => name !== "mixed").sort()];
}

function sequence({ data, name }: Family, words: readonly (string | number)[]): Program {
  return {
    class: "sequences",
    name: [name, ...words].join(" "),
    command: ["bin/sequence", name, ...words.map(String)],
    files: [{ name: "bin/sequence", mode: 0o755, data }],
  };
}

/** The compiled program; undefined without a compiler. */
export function sequenceProgram(): Uint8Array | undefined {
  const parts = familyNames().map((name) => `families/${name}.c`);
  const path = compile(
    join(HERE, "sequence.c"),
    ["results.c", "others.c", ...parts].map((part) => join(HERE, part)),
  );
  return path === undefined ? undefined : readFileSync(path);
}

/** Hashes by seed. */
function hashes({ text }: Outcome): Map<number, string> {
  const lines = [...text.matchAll(/^(\d+) ([0-9a-f]{16})$/gm)];
  return new Map(lines.map(([, seed, hash = ""]) => [Number(seed), hash]));
}

/** A seed of a family, and the hash that the guest gave, if any. */
interface Found {
  family: Family;
  seed: number;
  hash: string | undefined;
}

/** Those whose hash Linux does not give again, where it gives one or the other. */
async function stillDiffering(found: Found[], calls: number): Promise<Found[]> {
  let rest = found;
  for (let count = 0; count < AGAIN && rest.length > 0; count++) {
    const programs = rest.map(({ family, seed }) => sequence(family, [seed, 1, calls]));
    const linux = (await rest[0]?.family.runOnLinux(programs)) ?? [];
    rest = rest.filter(
      ({ seed, hash }, index) => hashes(linux[index] as Outcome).get(seed) !== hash || !hash,
    );
  }
  return rest;
}

/**
 * Seeds of a campaign whose results differ, for each of the families that has any. One that doesn't end in the guest
 * differs, and those behind it run again.
 */
export async function differingSeeds(
  families: readonly Family[],
  { first, seeds, calls }: Campaign,
): Promise<Map<string, number[]>> {
  const differing: Found[] = [];
  const end = first + seeds;
  let runs: { family: Family; from: number; count: number }[] = [];
  for (const family of families)
    for (let from = first; from < end; from += SEEDS)
      runs.push({ family, from, count: Math.min(SEEDS, end - from) });
  while (runs.length > 0) {
    const programs = runs.map(({ family, from, count }) => sequence(family, [from, count, calls]));
    const linux = (await families[0]?.runOnLinux(programs)) ?? [];
    const guest = await runInGuest(programs, { seconds: 60 });
    const again: typeof runs = [];
    for (const [index, { family, from, count }] of runs.entries()) {
      const right = hashes(linux[index] as Outcome);
      const found = hashes(guest[index] as Outcome);
      for (let seed = from; seed < from + count; seed++) {
        const hash = found.get(seed);
        if (hash === undefined || hash !== right.get(seed)) differing.push({ family, seed, hash });
        if (hash !== undefined) continue;
        if (seed + 1 < from + count)
          again.push({ family, from: seed + 1, count: from + count - seed - 1 });
        break;
      }
    }
    runs = again;
  }
  const byFamily = new Map<string, number[]>();
  for (const { family, seed } of await stillDiffering(differing, calls))
    byFamily.set(
      family.name,
      [...(byFamily.get(family.name) ?? []), seed].sort((a, b) => a - b),
    );
  return byFamily;
}

/** The results of calls, for each choice of them, on both sides. */
async function resultsOf(
  family: Family,
  choices: readonly { seed: number; calls: number; choice: string }[],
): Promise<{ linux: string; guest: string }[]> {
  const programs = choices.map(({ seed, calls, choice }) =>
    sequence(family, [seed, 1, calls, choice]),
  );
  const linux = await family.runOnLinux(programs);
  const guest = await runInGuest(programs);
  return choices.map((_, index) => ({
    linux: (linux[index] as Outcome).text,
    guest: (guest[index] as Outcome).text,
  }));
}

/** Number of the first call whose line differs. */
function firstDifference(linux: string, guest: string): number | undefined {
  const right = linux.split("\n");
  const found = guest.split("\n");
  const line = right.find((text, index) => text !== found[index]);
  return line ? Number.parseInt(line, 10) : undefined;
}

/** What differs first in each of these seeds, by the name of the call and the start of its results: how many, and one. */
export async function firstKinds(
  family: Family,
  seeds: readonly number[],
  calls: number,
): Promise<Map<string, { count: number; seed: number }>> {
  const choices = seeds.map((seed) => ({ seed, calls, choice: `0-${calls - 1}` }));
  const kinds = new Map<string, { count: number; seed: number }>();
  for (const [index, { linux, guest }] of (await resultsOf(family, choices)).entries()) {
    const call = firstDifference(linux, guest);
    const resultIn = (text: string) =>
      new RegExp(`^${call} .*?[=:] (\\S+)`, "m").exec(text)?.[1] ?? "none";
    const [, name = "none"] = new RegExp(`^${call} +(\\S+)`, "m").exec(linux) ?? [];
    const kind = `${name}: ${resultIn(linux)}, not ${resultIn(guest)}`;
    const { count = 0, seed = seeds[index] ?? 0 } = kinds.get(kind) ?? {};
    kinds.set(kind, { count: count + 1, seed });
  }
  return kinds;
}

/** Leaves calls out of a sequence for as long as the call that differs first still does; undefined where none does. */
export async function shrink(
  family: Family,
  seed: number,
  calls: number,
): Promise<Difference | undefined> {
  const all = await resultsOf(family, [{ seed, calls, choice: `0-${calls - 1}` }]);
  const last = firstDifference(all[0]?.linux ?? "", all[0]?.guest ?? "");
  if (last === undefined || Number.isNaN(last)) return undefined;
  let indices = Array.from({ length: last + 1 }, (_, index) => index);
  const differs = async (choices: readonly number[][]): Promise<boolean[]> => {
    const results = await resultsOf(
      family,
      choices.map((each) => ({ seed, calls, choice: kept(each) })),
    );
    return results.map(({ linux, guest }) => firstDifference(linux, guest) === last);
  };
  for (let size = Math.ceil(indices.length / 8); size >= 1; size = size === 1 ? 0 : size >> 1) {
    const parts: Chunk[] = chunks(indices.length - 1, size);
    const removable = await differs(parts.map((part) => without(indices, [part])));
    const free = parts.filter((_, index) => removable[index]);
    if (free.length === 0) continue;
    // All at once, or half of them, or one.
    const tries = [free, free.slice(free.length >> 1), free.slice(-1)].map((each) =>
      without(indices, each),
    );
    const works = await differs(tries);
    indices = tries[works.indexOf(true)] ?? indices;
  }
  const choice = kept(indices);
  const [rest] = await resultsOf(family, [{ seed, calls, choice }]);
  return { seed, kept: choice, linux: rest?.linux ?? "", guest: rest?.guest ?? "" };
}
