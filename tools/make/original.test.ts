// docs/original.md, which maps what is rebuilt here part by part, names what there is: its links lead to files, its
// targets are make's, its programs are in the archive's list.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { apps } from "../../roottask/programs.ts";
import { foreignPrograms } from "../../static-foreign-apps/programs.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const page = readFileSync(join(root, "docs/original.md"), "utf8");

test("links lead to files", () => {
  const links = [...page.matchAll(/\]\(([^)#]+)[^)]*\)/g)].map(([, path = ""]) => path);
  expect(links.length).toBeGreaterThan(30);
  expect(links.filter((path) => !existsSync(join(root, "docs", path)))).toEqual([]);
});

test("every program of the archive is named, and no other", () => {
  const named = new Set([...page.matchAll(/`(bin\/\w+)`/g)].map(([, path]) => path));
  const archived = [
    ...apps.map(({ archivePath }) => archivePath),
    ...foreignPrograms.map(({ archivePath }) => archivePath),
  ];
  const unnamed = ["bin/sha256sum", "bin/bench_native"];
  expect([...named].sort()).toEqual(
    archived.filter((path) => !unnamed.includes(path ?? "")).sort(),
  );
});

test("every target of make is named", () => {
  const { stdout } = spawnSync(process.execPath, [join(root, "tools/bin/make"), "help"], {
    encoding: "utf8",
  });
  const targets = [...(stdout.split("Targets:\n")[1] ?? "").matchAll(/^ {2}([\w-]+) /gm)];
  const names = targets.map(([, name = ""]) => name).filter((name) => name !== "help");
  expect(names.length).toBeGreaterThan(10);
  expect(names.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
});

test("every measurement is named", () => {
  const list =
    readFileSync(join(root, "docs/benchmarks.md"), "utf8").split("## The measurements")[1] ?? "";
  const cells = [...list.matchAll(/^\| (`[^|]+) \|/gm)].map(([, cell = ""]) => cell);
  const names = cells.flatMap((cell) =>
    [...cell.matchAll(/`([\w.]+)`/g)].map(([, name = ""]) => name),
  );
  expect(names.length).toBeGreaterThan(25);
  const isNamed = (name: string): boolean =>
    page.includes(`\`${name}\``) ||
    (name.startsWith("service.file.") && page.includes("`service.file.…`"));
  expect(names.filter((name) => !isNamed(name))).toEqual([]);
});
