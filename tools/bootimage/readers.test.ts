// Random boot images as programs of others read them: a sample of `npm run fuzz:bootimage`.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasTool } from "../testing/host-tools.ts";
import { checkWith, READERS } from "./fuzz/readers.ts";
import { type Sample, writeSample } from "./fuzz/sample.ts";

const directory = mkdtempSync(join(tmpdir(), "readers-test-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

// Between them: deep folders, folders of many names that begin alike, every size of loader.
for (const seed of [6, 9, 15]) {
  describe(`random files ${seed}`, () => {
    let sample: Sample;
    beforeAll(async () => {
      sample = await writeSample(seed, join(directory, `${seed}.img`));
    });

    test("the file table leads to all of them", () => {
      expect(sample.complaints).toEqual([]);
    });

    for (const reader of READERS) {
      const [program, ...args] = reader.probe;
      test.skipIf(!hasTool(program, args))(reader.name, () => {
        expect(checkWith(reader, sample)).toEqual([]);
      });
    }
  });
}
