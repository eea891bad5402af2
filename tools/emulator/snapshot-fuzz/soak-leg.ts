// A soak's process. node soak-leg.ts FOLDER whole runs from power-on to the end; FOLDER N restores what leg N - 1 has saved (leg 0
// begins at power-on), runs on to the next save and saves. Prints the marks that it passes, a line of JSON each. With a
// third argument, the index of a mark, it ends there and saves, for who wants to see what differs.

import { machineOf, readSaved, readSoakPlan, runTo, writeSaved } from "./soak-plan.ts";

const [folder = "", which = "", only] = process.argv.slice(2);
const plan = readSoakPlan(folder);
const last = plan.marks.at(-1) as number;
const leg = which === "whole" ? undefined : Number(which);
const before = leg ? readSaved(folder, String(leg - 1)) : undefined;
const manner = leg === undefined ? {} : plan.manners[leg];
const { machine, wire } = await machineOf(plan, manner ?? {}, before);
const own = leg === undefined ? last : (plan.saves[leg] ?? last);
const end = only === undefined ? own : (plan.marks[Number(only)] as number);
for (const mark of runTo(machine, plan.marks, end)) {
  process.stdout.write(`${JSON.stringify(mark)}\n`);
}
if (only !== undefined) writeSaved(folder, `${which}-at-mark`, machine, wire);
else if (leg !== undefined && leg < plan.saves.length)
  writeSaved(folder, String(leg), machine, wire);
