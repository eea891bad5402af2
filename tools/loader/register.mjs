// Makes Node load this repository's TypeScript: node --import ./tools/loader/register.mjs FILE.ts, or an import
// before the first TypeScript file. See hooks.mjs.

import module from "node:module";

// registerHooks (Node 22.15) works in the importing thread and saves the start of another one.
if (module.registerHooks) {
  const { loadSync } = await import("./hooks.mjs");
  module.registerHooks({ load: loadSync });
} else {
  module.register("./hooks.mjs", import.meta.url);
}
