// Versions of installed npm packages, which are inputs of what they compile.

import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The version of a package in the repository's node_modules, or undefined where it is not installed. */
export function packageVersion(root: string, name: string): string | undefined {
  try {
    const manifest = readFileSync(join(root, "node_modules", name, "package.json"), "utf8");
    return (JSON.parse(manifest) as { version: string }).version;
  } catch {
    return undefined;
  }
}
