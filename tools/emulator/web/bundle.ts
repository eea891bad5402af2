// Builds the page: its modules with the packages they use as one script, its style sheet with the terminal's, and what
// unpacks pictures.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { type Plugin, rolldown } from "rolldown";
import { guestModule } from "../../asc/guest.ts";
import { PICTURES_GUEST } from "../pictures/options.ts";

/** Where the machine of a page is. */
export type MachinePlace = "process" | "tab";

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** iced is made for Node: in a page its module is where worker.ts has put it, and the web has these names itself. */
const ICED_OF_NODE: readonly (readonly [from: string, to: string])[] = [
  ["const { TextDecoder, TextEncoder } = require(`util`);", ""],
  ["const path = require('path').join(__dirname, 'iced_x86_bg.wasm');", ""],
  ["const bytes = require('fs').readFileSync(path);", "const bytes = globalThis.icedModule;"],
];

const icedForPages: Plugin = {
  name: "iced for pages",
  transform: {
    filter: { id: /iced_x86\.js$/ },
    handler: (code) =>
      ICED_OF_NODE.reduce((text, [from, to]) => {
        if (!text.includes(from)) throw new Error(`iced-x86 has no line ${from} any more`);
        return text.replace(from, to);
      }, code),
  },
};

/** A script, with those that it loads when it needs them: the disassembler. */
async function scripts(entry: string): Promise<[name: string, bytes: Uint8Array][]> {
  const build = await rolldown({
    input: here(entry),
    platform: "browser",
    plugins: [icedForPages],
    onLog: (_level, { code, message }) => {
      if (code === "UNRESOLVED_IMPORT") throw new Error(`the page's ${entry}: ${message}`);
    },
  });
  const { output } = await build.generate({
    format: "esm",
    entryFileNames: "[name].js",
    chunkFileNames: "[name].js",
    minify: true,
  });
  await build.close();
  return output.flatMap((file) =>
    file.type === "chunk" ? [[file.fileName, new TextEncoder().encode(file.code)]] : [],
  );
}

/** The machine's style sheet, with that of the terminal. */
function styles(): Uint8Array {
  const terminal = installed("@xterm/xterm/css/xterm.css");
  const texts = [terminal, here("machine.css")].map((path) => readFileSync(path, "utf8"));
  return new TextEncoder().encode(texts.join("\n"));
}

const installed = (path: string): string => createRequire(import.meta.url).resolve(path);

/** The page's files by their names, all but the CPU core's. Throws `Error` if one of its modules cannot be built. */
export async function bundlePage(place: MachinePlace): Promise<Map<string, Uint8Array>> {
  const html = readFileSync(here("index.html"), "utf8").replace(
    /data-machine="\w+"/,
    `data-machine="${place}"`,
  );
  const files = new Map<string, Uint8Array>([
    ["index.html", new TextEncoder().encode(html)],
    ["machine.css", styles()],
    ["page.css", readFileSync(here("page.css"))],
    ["pictures.wasm", (await guestModule(PICTURES_GUEST)).wasm],
    ...(await scripts("page.ts")),
  ]);
  if (place === "process") {
    for (const [name, bytes] of await scripts("picture-worker.ts")) files.set(name, bytes);
    return files;
  }
  files.set("example.html", readFileSync(here("example.html")));
  for (const entry of ["machine-element.ts", "worker.ts"]) {
    for (const [name, bytes] of await scripts(entry)) files.set(name, bytes);
  }
  return files.set("iced_x86_bg.wasm", readFileSync(installed("iced-x86/iced_x86_bg.wasm")));
}
