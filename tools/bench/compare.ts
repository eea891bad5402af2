// Two runs side by side: which measurements have changed, and by how much.

import type { Measurement } from "./lines.ts";
import type { Results, Run } from "./results.ts";
import { formatNumber } from "./table.ts";

/** A measurement that is in both, or in one of the two. */
export interface Change {
  place: string;
  program: string;
  name: string;
  before: number | undefined;
  after: number | undefined;
}

const key = (run: Run, { program, name }: Measurement): string =>
  `${run.place}\t${program}\t${name}`;

/** Instructions where both have them, ticks otherwise. */
function medians(
  before: Measurement | undefined,
  after: Measurement | undefined,
): Pick<Change, "before" | "after"> {
  const exact =
    (before === undefined || before.instructions !== undefined) &&
    (after === undefined || after.instructions !== undefined);
  const of = (each: Measurement | undefined) =>
    exact ? each?.instructions?.median : each?.ticks.median;
  return { before: of(before), after: of(after) };
}

function byKey(results: Results): Map<string, Measurement> {
  return new Map(
    results.runs.flatMap((run) =>
      run.measurements.map((each) => [key(run, each), each] as [string, Measurement]),
    ),
  );
}

/** All that differs, in the order of the later results; what is gone comes last. */
export function compareResults(before: Results, after: Results): Change[] {
  const [old, fresh] = [byKey(before), byKey(after)];
  const places = new Set(after.runs.map(({ place }) => place as string));
  const keys = [...fresh.keys(), ...[...old.keys()].filter((each) => !fresh.has(each))];
  return keys.flatMap((each) => {
    const [place = "", program = "", name = ""] = each.split("\t");
    // A machine that was not measured again says nothing.
    if (!places.has(place)) return [];
    const values = medians(old.get(each), fresh.get(each));
    return values.before === values.after ? [] : [{ place, program, name, ...values }];
  });
}

/** The differences as text, one a line. */
export function formatComparison(changes: readonly Change[]): string {
  if (changes.length === 0) return "no measurement differs";
  const width = Math.max(...changes.map(({ name }) => name.length));
  return changes
    .map(({ place, program, name, before, after }) => {
      const percent = before && after !== undefined ? ((after - before) / before) * 100 : undefined;
      const change =
        percent === undefined
          ? before === undefined
            ? "new"
            : after === undefined
              ? "gone"
              : ""
          : `${percent > 0 ? "+" : ""}${percent.toFixed(1)} %`;
      const values = `${formatNumber(before).padStart(10)} ${formatNumber(after).padStart(10)}`;
      return `${name.padEnd(width)}  ${values}  ${change.padStart(9)}  ${place}, ${program}`;
    })
    .join("\n");
}
