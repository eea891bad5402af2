// Code that is to run in browsers as well as in Node: no file reachable from its entry may import Node's modules
// or a package that needs them, or name what only Node has.

import { type ESTree, parseSync } from "rolldown/utils";
import { importsOf, type Sources } from "./imports.ts";

/** Packages that run everywhere. */
const PACKAGES = ["@noble/hashes", "fast-png", "fflate"] as const;

/** Packages that the page's bundle makes run in browsers (tools/emulator/web/bundle.ts). */
const OF_PAGES = ["@xterm/addon-fit", "@xterm/addon-search", "@xterm/xterm", "iced-x86"] as const;

/** Entries of code that runs everywhere, and the packages that they may have beside those that do. */
export const PORTABLE_ENTRIES: readonly (readonly [entry: string, packages: readonly string[]])[] =
  [
    ["tools/emulator/index.ts", []],
    ["tools/emulator/web/machine-element.ts", OF_PAGES],
    ["tools/emulator/web/page.ts", OF_PAGES],
    ["tools/emulator/web/picture-worker.ts", []],
    ["tools/emulator/web/worker.ts", OF_PAGES],
    ["tools/package/web.ts", []],
  ];

/** Names that only Node, or its CommonJS loader, defines; of its types too. */
const NODE_NAMES: ReadonlySet<string> = new Set([
  "Buffer",
  "NodeJS",
  "__dirname",
  "__filename",
  "clearImmediate",
  "process",
  "require",
  "setImmediate",
]);

const isOf = (packages: readonly string[], specifier: string): boolean =>
  packages.some((name) => specifier === name || specifier.startsWith(`${name}/`));

type Node = ESTree.Node & Record<string, unknown>;

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && typeof (value as Node).type === "string";

/** A name behind a dot or in front of a colon is nobody's but the object's. */
function isMember(parent: Node, key: string): boolean {
  if (parent.computed === true) return false;
  if (parent.type === "MemberExpression") {
    const object = parent.object as Node;
    return key === "property" && !(object.type === "Identifier" && object.name === "globalThis");
  }
  return key === "key" && parent.shorthand !== true;
}

/** Offsets of the names of `NODE_NAMES` in a program. */
function nodeNames(program: Node): { name: string; offset: number }[] {
  const found = new Map<number, string>();
  const visit = (node: Node): void => {
    if (node.type === "Identifier" && NODE_NAMES.has(node.name as string)) {
      found.set(node.start, node.name as string);
    }
    for (const [key, value] of Object.entries(node)) {
      if (isMember(node, key)) continue;
      for (const child of Array.isArray(value) ? value : [value]) {
        if (isNode(child)) visit(child);
      }
    }
  };
  visit(program);
  return [...found].map(([offset, name]) => ({ offset, name }));
}

/** Every file reachable from `entry`, with what reaches out of the files to packages and Node's modules. */
function reachable(sources: Sources, entry: string) {
  const files = new Set([entry]);
  const outside: { from: string; to: string; line: number }[] = [];
  for (const file of files) {
    for (const each of importsOf(file, sources)) {
      if (sources.has(each.to)) files.add(each.to);
      else outside.push(each);
    }
  }
  return { files, outside };
}

/** One line for each thing that ties `entry`, or a file reachable from it, to Node. */
export function checkPortable(
  sources: Sources,
  entry: string,
  packages: readonly string[] = [],
): string[] {
  const { files, outside } = reachable(sources, entry);
  const complaints = outside
    .filter(({ to }) => !isOf([...PACKAGES, ...packages], to))
    .map(({ from, to, line }) => `${from}:${line}: imports ${to}, but ${entry} runs without Node`);
  for (const path of files) {
    const text = sources.get(path) ?? "";
    for (const { name, offset } of nodeNames(parseSync(path, text).program as Node)) {
      const line = text.slice(0, offset).split("\n").length;
      complaints.push(`${path}:${line}: names ${name}, but ${entry} runs without Node`);
    }
  }
  return complaints;
}
