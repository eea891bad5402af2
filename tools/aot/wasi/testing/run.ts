// Runs a program for WASI under Node and as a Linux executable, each in a directory of its own made alike, and says
// what came out.

import { spawnSync } from "node:child_process";
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compile } from "../../compile.ts";
import { linkLinux } from "../../link.ts";
import { linkWasi } from "../link.ts";

const ORACLE = fileURLToPath(new URL("oracle.mjs", import.meta.url));

export interface Case {
  args?: string[];
  env?: Record<string, string>;
  input?: string;
  /** Fills the directory. */
  prepare?: (directory: string) => void;
  /** Directories that are open from the start, by name, relative to the program's own. */
  preopens?: Record<string, string>;
}

export interface Outcome {
  status: number | null;
  signal: string | null;
  stdout: string;
  stderr: string;
  /** What is in the directory afterwards: path and content, of links the target. */
  tree: string[];
}

function treeOf(directory: string, prefix = ""): string[] {
  return readdirSync(directory)
    .sort()
    .flatMap((name) => {
      const path = join(directory, name);
      const stat = lstatSync(path);
      if (stat.isSymbolicLink()) return `${prefix}${name} -> ${readlinkSync(path)}`;
      if (stat.isDirectory()) return [`${prefix}${name}/`, ...treeOf(path, `${prefix}${name}/`)];
      return `${prefix}${name} ${stat.nlink} ${readFileSync(path, "latin1")}`;
    });
}

function run(
  command: string,
  args: string[],
  argv0: string,
  directory: string,
  env: Record<string, string>,
  input: string,
  prepare: Case["prepare"],
): Outcome {
  mkdirSync(directory);
  prepare?.(directory);
  const { status, signal, stdout, stderr } = spawnSync(command, args, {
    argv0,
    cwd: directory,
    env,
    input,
    encoding: "latin1",
    timeout: 60_000,
  });
  return { status, signal, stdout, stderr, tree: treeOf(directory) };
}

let runs = 0;

/** The executable made of a program for WASI. */
export async function executable(wasm: Uint8Array, features = {}): Promise<Uint8Array> {
  const linked = await linkWasi({ file: "program.wasm", bytes: wasm });
  return linkLinux(compile(linked, { target: "linux", name: "program.wasm", features }));
}

/** What the program does in Linux, below `directory`. */
export async function runLinux(
  directory: string,
  wasm: Uint8Array,
  { args = [], env = {}, input = "", prepare, preopens }: Case = {},
): Promise<Outcome> {
  const base = join(directory, `linux-${++runs}`);
  writeFileSync(`${base}.elf`, await executable(wasm), { mode: 0o755 });
  const list = Object.entries(preopens ?? {}).map(([name, path]) => `${name}=${path}`);
  const variables = preopens === undefined ? env : { ...env, WASI_PREOPENS: list.join(":") };
  return run(`${base}.elf`, args, "program", base, variables, input, prepare);
}

/** What it does in Node. */
export function runNode(
  directory: string,
  wasm: Uint8Array,
  { args = [], env = {}, input = "", prepare, preopens = { ".": "." } }: Case = {},
): Outcome {
  const base = join(directory, `node-${++runs}`);
  writeFileSync(`${base}.wasm`, wasm);
  const values = [["program", ...args], env, preopens].map((value) => JSON.stringify(value));
  const options = ["--no-warnings", ORACLE, `${base}.wasm`, ...values];
  return run(process.execPath, options, "node", base, {}, input, prepare);
}
