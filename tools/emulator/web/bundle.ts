// Builds the page: its modules with the packages they use as one script, its style sheet with the terminal's.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

/** Where the machine of a page is. */
export type MachinePlace = "process" | "tab";

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

async function script(entry: string): Promise<Uint8Array> {
  const build = await rolldown({
    input: here(entry),
    platform: "browser",
    onLog: (_level, { code, message }) => {
      if (code === "UNRESOLVED_IMPORT") throw new Error(`the page's ${entry}: ${message}`);
    },
  });
  const { output } = await build.generate({ format: "esm", codeSplitting: false, minify: true });
  await build.close();
  return new TextEncoder().encode(output[0].code);
}

function styles(): Uint8Array {
  const terminal = createRequire(import.meta.url).resolve("@xterm/xterm/css/xterm.css");
  const texts = [terminal, here("page.css")].map((path) => readFileSync(path, "utf8"));
  return new TextEncoder().encode(texts.join("\n"));
}

/** The page's files by their names. Throws `Error` if one of its modules cannot be built. */
export async function bundlePage(place: MachinePlace): Promise<Map<string, Uint8Array>> {
  const html = readFileSync(here("index.html"), "utf8").replace(
    /data-machine="\w+"/,
    `data-machine="${place}"`,
  );
  return new Map([
    ["index.html", new TextEncoder().encode(html)],
    ["page.css", styles()],
    ["page.js", await script("page.ts")],
  ]);
}
