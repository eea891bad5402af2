// Guest code keeps to TypeScript's syntax, so that editors, formatters and everything else that reads TypeScript
// reads it too. Its types are AssemblyScript's; what tsc says of those does not count.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));

it("guest files are TypeScript to its own parser", () => {
  const tsc = fileURLToPath(new URL("../../node_modules/.bin/tsc", import.meta.url));
  const args = ["--noEmit", "--pretty", "false", "-p", "tsconfig.guest.json"];
  const { stdout, error } = spawnSync(process.execPath, [tsc, ...args], {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 1 << 26,
  });
  expect(error).toBeUndefined();
  // tsc looks at types only once every file parses: until then all it has to say is about syntax.
  const lines = stdout.split("\n").filter((line) => line !== "");
  expect(lines.length).toBeGreaterThan(0);
  expect(lines.some((line) => line.includes(": error TS2")) ? [] : lines).toEqual([]);
});
