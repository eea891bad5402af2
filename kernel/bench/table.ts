// The table of paths: what each costs here and on the reference kernel, and how far it is from the goal.

import { hasQemu } from "../../tools/testing/host-tools.ts";
import { type Listing, listPaths } from "./listing.ts";
import { type Accelerator, measure, type Ticks } from "./measure.ts";
import { GOAL, type PathName, paths } from "./paths.ts";

/** What the kernel spends on each path: instructions, or cycles under KVM with those of the user included. */
export type Costs = ReadonlyMap<PathName, number>;

export interface Counts {
  emu: Costs;
  /** Undefined where QEMU is not installed. */
  tcg: Costs | undefined;
}

/** The user's instructions of a round, which run in every machine alike, taken off. */
function withoutUser(ticks: Ticks, listings: ReadonlyMap<PathName, Listing>): Costs {
  return new Map([...ticks].map(([name, all]) => [name, all - (listings.get(name)?.user ?? 0)]));
}

/** Counts the instructions of every path. Throws an error if the kernel does not run the benchmark. */
export async function countPaths(kernel: Uint8Array): Promise<Counts> {
  const listings = await listPaths(kernel);
  const count = async (accelerator: Accelerator) =>
    withoutUser(await measure(kernel, accelerator), listings);
  return { emu: await count("emu"), tcg: hasQemu ? await count("tcg") : undefined };
}

const number = (value: number | undefined): string =>
  value === undefined ? "-" : value.toFixed(Number.isInteger(value) ? 0 : 1);

/** The table as text; the ratio is that of the emulator's count and the reference's. */
export function formatPaths({ emu, tcg }: Counts): string {
  const line = (...[name = "", reference = "", here = "", qemu = "", ratio = "", goal = ""]) =>
    `${name.padEnd(32)}${reference.padStart(10)}${here.padStart(8)}${qemu.padStart(8)}${ratio.padStart(8)}${goal.padStart(8)}`;
  return [
    line("path (instructions)", "reference", "here", "QEMU", "ratio", "goal"),
    ...paths.map(({ name, reference }) => {
      const here = emu.get(name) ?? Number.NaN;
      const ratio = (here / reference).toFixed(2);
      const goal = Math.floor(reference * GOAL);
      return line(name, number(reference), number(here), number(tcg?.get(name)), ratio, `${goal}`);
    }),
  ].join("\n");
}

/** Where the instructions of a path go: each with its place, then how many there are in each function. */
export function formatListing(name: PathName, { steps, user }: Listing): string {
  const counts = new Map<string, number>();
  for (const { place } of steps) {
    const owner = place.replace(/\+0x[0-9a-f]+$/, "");
    counts.set(owner, (counts.get(owner) ?? 0) + 1);
  }
  const most = [...counts].sort(([, a], [, b]) => b - a);
  return [
    `${name}: ${steps.length} instructions, and ${user} of the user's`,
    ...steps.map(({ place, text }) => `  ${place.padEnd(44)}  ${text}`),
    "",
    ...most.map(([owner, count]) => `${`${count}`.padStart(6)}  ${owner}`),
  ].join("\n");
}
