// What a process does at each signal: sigaction(2). Threads of a process have one table, and so do processes that were
// made with CLONE_SIGHAND (clone(2)).

import { allocate, release } from "../libroottask/heap";
import { Program } from "../libroottask/program";
import { SIGNALS } from "./state";

/** struct kernel_sigaction: handler, flags, restorer, mask. */
export const ACTION_BYTES: u32 = 32;
const SIG_IGN: u64 = 1;

/** A table: the actions of the signals from 1 on, and the number of processes that have it. */
const TABLE_USERS: u32 = SIGNALS * ACTION_BYTES;
const TABLE_BYTES: u32 = TABLE_USERS + 8;

/** The action of `signal` (1…SIGNALS) of `program`. */
export function actionOf(program: Program, signal: u32): usize {
  return program.actions + (signal - 1) * ACTION_BYTES;
}

/** Another process has the table of `program` as well. */
export function actionsAreShared(program: Program): bool {
  return load<u32>(program.actions + TABLE_USERS) > 1;
}

/** A table of one process, with the actions at `from`, or the default ones at 0; 0 when memory is out. */
function newTable(from: usize): usize {
  const table = allocate(TABLE_BYTES);
  if (table === 0) return 0;
  if (from !== 0) memory.copy(table, from, TABLE_USERS);
  store<u32>(table + TABLE_USERS, 1);
  return table;
}

function countUsers(table: usize, by: i32): u32 {
  const users = load<u32>(table + TABLE_USERS) + by;
  store<u32>(table + TABLE_USERS, users);
  return users;
}

/** Gives `program` default actions. False when memory is out. */
export function addActions(program: Program): bool {
  program.actions = newTable(0);
  return program.actions !== 0;
}

/** Gives `program` the table of `parent`, or a copy of it. False when memory is out. */
export function passActions(program: Program, parent: Program, shares: bool): bool {
  program.actions = shares ? parent.actions : newTable(parent.actions);
  if (shares) countUsers(program.actions, 1);
  return program.actions !== 0;
}

/** `program` has its table no more, if it has one. */
export function dropActions(program: Program): void {
  if (program.actions !== 0 && countUsers(program.actions, -1) === 0) {
    release(program.actions, TABLE_BYTES);
  }
  program.actions = 0;
}

/** Makes the table of `program` one that it has alone. False when memory is out. */
export function ownActions(program: Program): bool {
  if (!actionsAreShared(program)) return true;
  const table = newTable(program.actions);
  if (table === 0) return false;
  dropActions(program);
  program.actions = table;
  return true;
}

/** Signals that are handled have their default action again: execve(2). Their flags and masks are forgotten. */
export function resetActions(program: Program): void {
  for (let signal: u32 = 1; signal <= SIGNALS; signal++) {
    const action = actionOf(program, signal);
    const ignored = load<u64>(action) === SIG_IGN;
    memory.fill(action, 0, ACTION_BYTES);
    if (ignored) store<u64>(action, SIG_IGN);
  }
}
