// A boot image with a file over 4 GiB, which has several extents: whether xorriso and 7-Zip take out what was put in.

import { spawnSync } from "node:child_process";
import { closeSync, createReadStream, ftruncateSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { writeBootImage } from "../image.ts";
import { standInLoader, standInMultiboot } from "./stand-in.ts";

const SIZE = 4 * 2 ** 30 + 300_000_777;
/** Marks stand in so many places, zeros between them. */
const STEP = 61_000_013;

/** A file with holes, whose contents differ wherever one looks for a mark. */
function writeLarge(path: string): void {
  const file = openSync(path, "w");
  ftruncateSync(file, SIZE);
  for (let at = 0; at < SIZE - 20; at += STEP) writeSync(file, `mark at ${at}`, at);
  writeSync(file, "end", SIZE - 3);
  closeSync(file);
}

/** Whether two files have the same bytes. */
async function areSame(a: string, b: string): Promise<boolean> {
  const right = createReadStream(b, { highWaterMark: 2 ** 20 })[Symbol.asyncIterator]();
  for await (const piece of createReadStream(a, { highWaterMark: 2 ** 20 })) {
    const { value } = (await right.next()) as { value?: Buffer };
    if (value === undefined || !(piece as Buffer).equals(value)) return false;
  }
  return (await right.next()).done === true;
}

/** What is wrong; nothing of the files stays in `folder`. */
export async function checkLarge(folder: string): Promise<string[]> {
  const large = join(folder, "large");
  const image = join(folder, "large.img");
  const copy = join(folder, "large.copy");
  const ways: [string, string[]][] = [
    ["xorriso", ["-osirrox", "on", "-indev", image, "-extract", "/large", copy]],
    ["sh", ["-c", '7z x -so "$0" large >"$1"', image, copy]],
  ];
  const complaints: string[] = [];
  try {
    writeLarge(large);
    await writeBootImage({
      output: image,
      files: [
        { path: "k", source: standInMultiboot() },
        { path: "large", source: large },
      ],
      configuration: "title T\nkernel k\n",
      loader: standInLoader(),
    });
    for (const [program, args] of ways) {
      const { status, error } = spawnSync(program, args, { stdio: ["ignore", "ignore", "pipe"] });
      if (error !== undefined || status === 127) continue;
      if (status !== 0) complaints.push(`${program} ends with ${status}`);
      else if (!(await areSame(large, copy))) complaints.push(`${program} takes out another file`);
      rmSync(copy, { force: true });
    }
  } finally {
    for (const path of [large, image, copy]) rmSync(path, { force: true });
  }
  return complaints;
}
