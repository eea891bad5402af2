// Files as the build sees them: globs over the repository and content hashes, kept by size, times and inode
// so that an unchanged file is not read again.

import { createHash } from "node:crypto";
import { type BigIntStats, existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** In place of a hash: no file is there. */
export const MISSING = "missing";

export type HashCache = Record<string, { stamp: string; hash: string }>;

/** Folders no glob looks into. */
const HIDDEN = new Set(["node_modules", ".git", "build"]);

export class Files {
  readonly #root: string;
  readonly #known: HashCache;
  readonly #used: HashCache = {};

  /** `root` is the repository, `known` the hashes of the last run. */
  constructor(root: string, known: HashCache) {
    this.#root = root;
    this.#known = known;
  }

  /** Hashes worth keeping for the next run. */
  get cache(): HashCache {
    return { ...this.#known, ...this.#used };
  }

  /** Paths that the patterns name, sorted; a pattern without `*` names itself, whether it exists or not. */
  expand(patterns: readonly string[]): string[] {
    const found = new Set<string>();
    const negative = patterns
      .filter((pattern) => pattern.startsWith("!"))
      .map((pattern) => globExpression(pattern.slice(1)));
    for (const pattern of patterns) {
      if (pattern.startsWith("!")) continue;
      if (!pattern.includes("*")) {
        found.add(pattern);
        continue;
      }
      const expression = globExpression(pattern);
      const start = pattern.slice(0, pattern.indexOf("*")).replace(/[^/]*$/, "");
      for (const path of this.#walk(start)) {
        if (expression.test(path)) found.add(path);
      }
    }
    return [...found].filter((path) => !negative.some((each) => each.test(path))).sort();
  }

  *#walk(folder: string): Generator<string> {
    const absolute = join(this.#root, folder);
    if (!existsSync(absolute)) return;
    for (const entry of readdirSync(absolute, { withFileTypes: true })) {
      const path = folder + entry.name;
      if (entry.isDirectory()) {
        if (!HIDDEN.has(entry.name)) yield* this.#walk(`${path}/`);
      } else if (entry.isFile()) {
        yield path;
      }
    }
  }

  /** SHA-256 of the content in hex, or `MISSING`. */
  hash(path: string): string {
    let stat: BigIntStats;
    try {
      stat = statSync(join(this.#root, path), { bigint: true });
    } catch {
      return MISSING;
    }
    if (!stat.isFile()) return MISSING;
    const stamp = `${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}:${stat.ino}`;
    const known = this.#used[path] ?? this.#known[path];
    if (known?.stamp === stamp) {
      this.#used[path] = known;
      return known.hash;
    }
    const hash = hashOf(readFileSync(join(this.#root, path)));
    this.#used[path] = { stamp, hash };
    return hash;
  }

  /** Like `hash`, and whether the owner may execute it: what a step is held to for the files it makes. */
  outputHash(path: string): string {
    const hash = this.hash(path);
    if (hash === MISSING) return hash;
    return statSync(join(this.#root, path)).mode & 0o100 ? `${hash}+x` : hash;
  }
}

export function hashOf(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

function globExpression(pattern: string): RegExp {
  const source = pattern
    .replace(/[.+?^${}()|[\]\\]/g, "\\$&")
    .replace(/\*\*\/|\*\*|\*/g, (star) =>
      star === "**/" ? "(?:.*/)?" : star === "**" ? ".*" : "[^/]*",
    );
  return new RegExp(`^${source}$`);
}
