// Files of the host that an image is made of and that somebody changes meanwhile.

import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { examineSource, readSource } from "./sources.ts";

const directory = mkdtempSync(join(tmpdir(), "sources-test-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function bytesOf(file: Awaited<ReturnType<typeof examineSource>>): Promise<number> {
  let bytes = 0;
  for await (const piece of readSource(file)) bytes += piece.length;
  return bytes;
}

test.each([0, 5, 2_999_999, 3_000_001, 9_000_000])(
  "a file of 3,000,000 bytes that has %i when it is read is refused",
  async (size) => {
    const path = join(directory, `to-${size}`);
    writeFileSync(path, new Uint8Array(3_000_000));
    const file = await examineSource(path);
    expect(await bytesOf(file)).toBe(3_000_000);
    truncateSync(path, size);
    await expect(bytesOf(file)).rejects.toThrow(`${path}: changed its size while it was read`);
  },
);
