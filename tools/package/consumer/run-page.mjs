// Runs modules of a page with nothing around them but what browsers have too: node --experimental-vm-modules
// run-page.mjs MODULE. Modules find others by relative paths alone, as a page without an import map does.

import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { createContext, SourceTextModule } from "node:vm";

/** Globals of the web platform; the language's own are in every context. */
const context = createContext({
  ...{
    MessageChannel,
    TextDecoder,
    TextEncoder,
    URL,
    atob,
    performance,
    setTimeout,
    structuredClone,
  },
  // What pages and workers of this project report with.
  onReport: (text) => console.log(text),
  postMessage: (text) => console.log(text),
});
const modules = new Map();

function load(path) {
  const known = modules.get(path);
  if (known) return known;
  const module = new SourceTextModule(readFileSync(path, "utf8"), {
    context,
    identifier: path,
    importModuleDynamically: async (specifier) => {
      const found = find(specifier, module);
      if (found.status === "unlinked") await found.link(find);
      if (found.status === "linked") await found.evaluate();
      return found;
    },
  });
  modules.set(path, module);
  return module;
}

function find(specifier, from) {
  if (!/^\.{0,2}\//.test(specifier)) throw new Error(`a page cannot import ${specifier}`);
  return load(join(dirname(from.identifier), specifier));
}

const entry = load(resolve(process.argv[2]));
await entry.link(find);
await entry.evaluate();
