// What a module of the repository is made of: itself and what it imports, statically or not, and the packages
// behind that.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { importsOf } from "../lint/imports.ts";

export interface ModuleParts {
  /** Relative to the repository, sorted. */
  files: string[];
  /** Names of npm packages, sorted. */
  packages: string[];
}

/** Follows the imports of modules, but for those of types alone; a file that is not there imports nothing. */
export function moduleParts(root: string, modules: readonly string[]): ModuleParts {
  const sources = {
    has: (path: string) => existsSync(join(root, path)),
    get: (path: string) =>
      existsSync(join(root, path)) ? readFileSync(join(root, path), "utf8") : undefined,
  };
  const files = new Set<string>();
  const packages = new Set<string>();
  const open = [...modules];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (files.has(path)) continue;
    files.add(path);
    for (const { to, typeOnly } of importsOf(path, sources)) {
      if (typeOnly || to.startsWith("node:")) continue;
      if (sources.has(to)) open.push(to);
      else packages.add(packageName(to));
    }
  }
  return { files: [...files].sort(), packages: [...packages].sort() };
}

/** `@scope/name/part` → `@scope/name`. */
function packageName(name: string): string {
  return name
    .split("/")
    .slice(0, name.startsWith("@") ? 2 : 1)
    .join("/");
}
