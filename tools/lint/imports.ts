// Which of our files import which: the ground for checks of structure. Reads import and export declarations
// and `import("…")` of literal paths, in TypeScript, AssemblyScript and the loader's JavaScript alike.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, posix } from "node:path";

/** Files by path from the repository's root, `/` between folders, each with the text it holds. */
export type Sources = ReadonlyMap<string, string>;

export interface Import {
  from: string;
  /** Path of the imported file; a bare specifier (`node:fs`, `commander`) as it is written. */
  to: string;
  /** 1-based. */
  line: number;
  /** `import type` or `typeof import("…")`: gone when the program runs. */
  typeOnly: boolean;
}

const EXTENSIONS = ["", ".ts", ".mjs", "/index.ts"];
const DECLARATION =
  /^[ \t]*(?:import|export)\b(?<type>\s+type\b)?(?:[^"';]*?\bfrom)?\s*"(?<declared>[^"\n]+)"|\b(?<query>typeof\s+)?import\(\s*"(?<dynamic>[^"\n]+)"\s*\)/gm;

/** Imports of one file; those of relative paths that no file answers to are left to the compilers. */
export function importsOf(path: string, sources: Pick<Sources, "get" | "has">): Import[] {
  const text = sources.get(path) ?? "";
  const found: Import[] = [];
  for (const match of text.matchAll(DECLARATION)) {
    const { type, declared, query, dynamic } = match.groups ?? {};
    const specifier = declared ?? dynamic;
    if (specifier === undefined) continue;
    const to = specifier.startsWith(".") ? resolve(path, specifier, sources) : specifier;
    if (to === undefined) continue;
    const start = match.index + match[0].length - match[0].trimStart().length;
    const line = text.slice(0, start).split("\n").length;
    found.push({ from: path, to, line, typeOnly: (type ?? query) !== undefined });
  }
  return found;
}

function resolve(
  from: string,
  specifier: string,
  sources: Pick<Sources, "has">,
): string | undefined {
  const base = posix.join(posix.dirname(from), specifier);
  return EXTENSIONS.map((extension) => base + extension).find((path) => sources.has(path));
}

const SKIPPED = new Set(["node_modules", "build", ".git"]);

/** All TypeScript and JavaScript sources below `root`, build output and packages left out. */
export function readSources(root: string): Map<string, string> {
  const sources = new Map<string, string>();
  const visit = (folder: string): void => {
    for (const name of readdirSync(join(root, folder)).sort()) {
      if (SKIPPED.has(name)) continue;
      const path = posix.join(folder, name);
      if (statSync(join(root, path)).isDirectory()) visit(path);
      else if (/\.(ts|mjs)$/.test(name)) sources.set(path, readFileSync(join(root, path), "utf8"));
    }
  };
  visit("");
  return sources;
}
