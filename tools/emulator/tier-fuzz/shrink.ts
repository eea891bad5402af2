// Makes a program that fails smaller, as long as it still fails: fewer CPUs, functions, statements, loops, stops.

import { bodiesOf, type Program, type Statement } from "./program.ts";

/** Whether a program still shows the fault. */
export type Fails = (program: Program) => Promise<boolean>;

/** The list with `count` statements at `at` left out. */
const without = (list: readonly Statement[], at: number, count: number): Statement[] => [
  ...list.slice(0, at),
  ...list.slice(at + count),
];

/** Smaller forms of one statement: its bodies in its place, or a plainer kind of it. */
function plainer(statement: Statement): Statement[][] {
  const forms: Statement[][] = bodiesOf(statement).filter((body) => body.length > 0);
  if (statement.kind === "loop" && statement.count > 2) {
    forms.push([{ ...statement, count: Math.ceil(statement.count / 2) }]);
  }
  if (statement.kind === "sweep") {
    if (statement.count > 2) forms.push([{ ...statement, count: statement.count >> 1 }]);
    for (const i of statement.accesses.keys()) {
      forms.push([{ ...statement, accesses: statement.accesses.filter((_, n) => n !== i) }]);
    }
  }
  if (statement.kind === "call" && statement.how !== "direct") {
    forms.push([{ ...statement, how: "direct" }]);
  }
  if (statement.kind === "far") {
    for (const i of statement.body.keys()) {
      forms.push([{ ...statement, body: statement.body.filter((_, n) => n !== i) }]);
    }
  }
  if (statement.kind === "op" || statement.kind === "string") {
    for (const i of statement.loads.keys()) {
      forms.push([{ ...statement, loads: statement.loads.filter((_, n) => n !== i) }]);
    }
  }
  return forms;
}

/** All lists with one thing changed, larger changes first. */
function* smallerLists(list: readonly Statement[]): Generator<Statement[]> {
  for (let count = list.length; count > 0; count = Math.floor(count / 2)) {
    for (let at = list.length - count; at >= 0; at -= count) yield without(list, at, count);
  }
  for (const [at, statement] of list.entries()) {
    const put = (instead: readonly Statement[]): Statement[] => [
      ...list.slice(0, at),
      ...instead,
      ...list.slice(at + 1),
    ];
    for (const form of plainer(statement)) yield put(form);
    for (const [n, body] of bodiesOf(statement).entries()) {
      for (const smaller of smallerLists(body)) yield put([withBody(statement, n, smaller)]);
    }
  }
}

function withBody(statement: Statement, n: number, body: Statement[]): Statement {
  switch (statement.kind) {
    case "loop":
    case "save":
      return { ...statement, body };
    case "if":
      return n === 0 ? { ...statement, taken: body } : { ...statement, otherwise: body };
    case "switch":
      return { ...statement, cases: statement.cases.map((old, i) => (i === n ? body : old)) };
    default:
      return statement;
  }
}

function* smallerPrograms(program: Program): Generator<Program> {
  if (program.entries.length > 1) {
    for (const i of program.entries.keys()) {
      yield { ...program, entries: program.entries.filter((_, n) => n !== i) };
    }
  }
  if (program.timer > 0) yield { ...program, timer: 0 };
  for (const i of program.stops.keys()) {
    if (program.stops.length > 1) {
      yield { ...program, stops: program.stops.filter((_, n) => n !== i) };
    }
  }
  const last = program.stops.at(-1) as number;
  if (last > 100) yield { ...program, stops: [...program.stops.slice(0, -1), Math.ceil(last / 2)] };
  for (const [index, body] of program.functions.entries()) {
    for (const smaller of smallerLists(body)) {
      yield { ...program, functions: program.functions.map((f, i) => (i === index ? smaller : f)) };
    }
  }
  const end = program.functions.length - 1;
  if (end > 0 && program.functions[end]?.length === 0) {
    yield { ...program, functions: program.functions.slice(0, end) };
  }
}

/** The smallest program found with at most `attempts` runs. */
export async function shrink(program: Program, fails: Fails, attempts = 4000): Promise<Program> {
  let best = program;
  let left = attempts;
  for (let progress = true; progress; ) {
    progress = false;
    for (const smaller of smallerPrograms(best)) {
      if (left-- <= 0) return best;
      if (!(await fails(smaller))) continue;
      best = smaller;
      progress = true;
      break;
    }
  }
  return best;
}
