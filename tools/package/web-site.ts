// Writes build/web/: the page with a machine in the tab, the CPU core, and the system as what it boots. Static files for
// any host; nothing is asked of a server but these.

import { copyFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type BootPlan, NO_PLAN } from "../emulator/web/boot-options.ts";
import { bundlePage } from "../emulator/web/bundle.ts";
import { IMAGES } from "./images.ts";

/** The system as `make run` boots it, with as much memory as a tab has in any case. */
const SYSTEM: BootPlan = {
  ...NO_PLAN,
  kernel: "kernel.elf32",
  modules: [
    { url: "roottask-bin", commandLine: "roottask" },
    { url: "userland.tar", commandLine: "userland" },
  ],
  memory: "512M",
  cpus: 2,
};

/** Makes build/web/ anew from what is built in build/. */
export async function makeWebSite(root: string): Promise<void> {
  const aside = join(root, "build/web.aside");
  rmSync(aside, { recursive: true, force: true });
  mkdirSync(aside, { recursive: true });
  for (const [name, bytes] of await bundlePage("tab")) writeFileSync(join(aside, name), bytes);
  const built = ["emulator-core.wasm", ...IMAGES.map(({ name }) => name)];
  for (const name of built) copyFileSync(join(root, "build", name), join(aside, name));
  writeFileSync(join(aside, "guest.json"), `${JSON.stringify(SYSTEM, null, 2)}\n`);
  rmSync(join(root, "build/web"), { recursive: true, force: true });
  renameSync(aside, join(root, "build/web"));
}
