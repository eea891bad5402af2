// The build's memory between runs: build/.make/state.json. A missing or unreadable file means that nothing
// is known and everything is built.

import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { HashCache } from "../cache/files.ts";

export interface TaskState {
  /** Hash of tool versions and options. */
  settings: string;
  /** Input path → content hash, or `MISSING` for a file whose absence counts. */
  inputs: Record<string, string>;
  /** Output path → content hash, with `+x` where it can be executed. */
  outputs: Record<string, string>;
  /** Inputs that were found while the step ran. */
  discovered: string[];
}

export interface State {
  version: number;
  tasks: Record<string, TaskState>;
  hashes: HashCache;
}

/** Changes when the meaning of the file does. */
const VERSION = 2;

export function loadState(path: string): State {
  const empty: State = { version: VERSION, tasks: {}, hashes: {} };
  try {
    const state = JSON.parse(readFileSync(path, "utf8")) as State;
    return state.version === VERSION && state.tasks && state.hashes ? state : empty;
  } catch {
    return empty;
  }
}

export function saveState(path: string, state: State): void {
  mkdirSync(dirname(path), { recursive: true });
  const aside = `${path}.${process.pid}`;
  writeFileSync(aside, JSON.stringify(state));
  renameSync(aside, path);
}
