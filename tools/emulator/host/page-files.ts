// The page of `-display web` that belongs to this checkout: bundled from tools/emulator/web/.

import { bundlePage } from "../web/bundle.ts";

/** The page's files by their names. */
export async function pageFiles(): Promise<ReadonlyMap<string, Uint8Array>> {
  return bundlePage("process");
}
