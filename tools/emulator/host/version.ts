// The version of the package.

import { createRequire } from "node:module";

/** Three numbers with dots. By the package's own name: from here and from the npm package the file lies elsewhere. */
export const packageVersion = (): string =>
  createRequire(import.meta.url)("trihedron/package.json").version;
