// Starts a command of this repository: loads its TypeScript and explains in one line why that is not possible.

import nodeModule from "node:module";
import { fileURLToPath } from "node:url";

const root = new URL("../../", import.meta.url);

/** Imports a module of the repository, `tools/aot/cli.ts` say, for the command `name`. */
export async function launch(name, module) {
  if (nodeModule.register === undefined) {
    console.error(`${name}: Node ${process.versions.node} is too old; 20.6 or newer is needed`);
    process.exit(1);
  }
  try {
    await import("./register.mjs");
    return await import(new URL(module, root).href);
  } catch (error) {
    const text = explain(error);
    if (text === undefined) throw error;
    console.error(`${name}: ${text}`);
    process.exit(1);
  }
}

/** What a person can do about an error of loading, or undefined for one of the program itself. */
function explain(error) {
  if (error?.code === "ERR_INVALID_TYPESCRIPT_SYNTAX") return error.message;
  // Where loading has a thread of its own, the error that ends the thread arrives without its code.
  const missing = /Cannot find (package|module) '(?<what>[^']+)'/.exec(error?.message ?? "");
  if (missing === null || /^[./]|^file:/.test(missing.groups.what)) return undefined;
  return `the package ${missing.groups.what} is not installed; run npm ci in ${fileURLToPath(root)} first`;
}
