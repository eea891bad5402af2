// Decides which mismatches of a fuzz run the core has to answer for in a test that must hold on any host. A
// recorded vector cannot foresee every rare state that a host gets wrong, or that two CPUs treat differently
// within their manuals; a fault of the core shows in most snippets of an instruction, or in many snippets.
import type { Core } from "./emulator.ts";
import type { Form } from "./forms.ts";
import { type FuzzResult, fuzz, type Mismatch, minimise } from "./fuzz.ts";
import type { Verdict } from "./judge.ts";
import type { Host } from "./native.ts";
import { formsIn } from "./traits.ts";

export interface Sentence {
  convicted: Mismatch[];
  /** Few enough, and rare enough among snippets like them, to be the host's. */
  acquitted: Mismatch[];
}

/** Snippets of the same instructions that are tried beside a mismatch, and the share of them that convicts. */
const NEIGHBOURS = 60;
const CONVICTING_SHARE = 1 / 4;
/** Mismatches whose neighbours are tried. Beyond them the number alone convicts. */
const TRIED = 20;

/** Judges the mismatches of `result`, which `fuzz` made from `forms` with `verdict`. */
export function sentence(
  result: FuzzResult,
  verdict: Verdict,
  forms: readonly Form[],
  native: Host,
  emulator: Core,
): Sentence {
  const vouched = [...result.mismatches.values()].filter(({ standing }) => standing === "vouched");
  const snippets = vouched.reduce((sum, mismatch) => sum + mismatch.count, 0);
  const many = snippets > verdict.allowance(result.vouched);
  const out: Sentence = { convicted: [], acquitted: [] };
  for (const [i, mismatch] of vouched.entries()) {
    const least = i < TRIED ? minimise(mismatch, native, emulator) : mismatch;
    const guilty = many || isTheRule(least, verdict, forms, native, emulator);
    (guilty ? out.convicted : out.acquitted).push(least);
  }
  return out;
}

/** Whether snippets of the same instructions usually differ. */
function isTheRule(
  mismatch: Mismatch,
  verdict: Verdict,
  forms: readonly Form[],
  native: Host,
  emulator: Core,
): boolean {
  const { before, length, looped: loops = false } = mismatch.test;
  const names = new Set(formsIn(before, length));
  const alike = forms.filter((form) => names.has(form.name));
  if (alike.length === 0) return true;
  const neighbours = fuzz(
    alike,
    native,
    emulator,
    {
      cases: NEIGHBOURS * alike.length,
      seed: 1,
      stream: 1,
      alignment: false,
      bits: verdict.bits,
      loops,
      verdict,
    },
    () => {},
  );
  const compared = neighbours.cases - sum(neighbours.skipped);
  return neighbours.mismatched > compared * CONVICTING_SHARE;
}

function sum(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((total, count) => total + count, 0);
}
