// hedron.h and hedron.rs have the numbers of the kernel and the services: as a C compiler sees them, and as JavaScript
// does.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import * as abi from "../kernel/abi.ts";
import { hostCompiler } from "../tools/make/host-compilers.ts";
import { MakeError } from "../tools/make/task.ts";
import { hasTool, runsLinuxPrograms } from "../tools/testing/host-tools.ts";
import { HEADERS, withNumbers } from "./numbers.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "headers-test-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** A module for guest code that has nothing but constants; its types are not those of the host's TypeScript. */
const layoutModule = "../roottask/libhrstd/layout.ts";
const layout = (await import(layoutModule)) as Record<string, unknown>;

/** What programs may use, by name. */
const numbers = Object.entries({ ...abi, ...layout }).filter(
  (entry): entry is [string, number] =>
    typeof entry[1] === "number" && !/^SERVICES?(_|$)/.test(entry[0]),
);

test.each(HEADERS)("make hedron_header would change nothing in $file", (language) => {
  const text = readFileSync(join(root, language.file), "utf8");
  expect(withNumbers(root, language, text)).toBe(text);
});

test("a header whose marks are gone is refused", () => {
  const [language] = HEADERS;
  if (!language) throw new Error("there are no headers");
  expect(() => withNumbers(root, language, "#define HEDRON_HC_CALL 0\n")).toThrow(MakeError);
});

describe.skipIf(!runsLinuxPrograms || !hostCompiler("gcc"))("for gcc", () => {
  const options = [
    "-Wall",
    "-Wextra",
    "-Werror",
    "-pedantic",
    `-I${join(root, "static-foreign-apps/C")}`,
  ];

  test("hedron.h has the value that JavaScript has for every number", () => {
    expect(numbers.length).toBeGreaterThan(200);
    const lines = numbers.map(([name]) => `printf("${name} %lld\\n", (long long)HEDRON_${name});`);
    const source = join(directory, "numbers.c");
    const program = join(directory, "numbers");
    const main = `int main(void) { ${lines.join("\n")} return 0; }`;
    writeFileSync(source, `#include <stdio.h>\n#include "hedron.h"\n${main}\n`);
    execFileSync("gcc", ["-std=c99", "-O2", ...options, "-o", program, source]);
    const values = execFileSync(program, { encoding: "utf8" });
    expect(values.trimEnd().split("\n")).toEqual(
      numbers.map(([name, value]) => `${name} ${value}`),
    );
  });

  test.skipIf(!hasTool("g++")).each(["c++11", "c++17"])("hedron.h is %s, too", (standard) => {
    const source = join(directory, "header.cpp");
    writeFileSync(source, '#include "hedron.h"\nint main() { return hedron_is_here(); }\n');
    execFileSync("g++", [`-std=${standard}`, "-fsyntax-only", ...options, source], {
      stdio: "pipe",
    });
  });
});

test.skipIf(!runsLinuxPrograms || !hostCompiler("rustc"))(
  "hedron.rs has the value that JavaScript has for every number",
  () => {
    const lines = numbers.map(([name]) => `println!("${name} {}", hedron::${name});`);
    const source = join(directory, "numbers.rs");
    const program = join(directory, "numbers-rs");
    const module = join(root, "static-foreign-apps/Rust/hedron.rs");
    writeFileSync(
      source,
      `#[path = "${module}"]\nmod hedron;\nfn main() { ${lines.join("\n")} }\n`,
    );
    execFileSync("rustc", ["--edition", "2021", "-o", program, source], { stdio: "pipe" });
    const values = execFileSync(program, { encoding: "utf8" });
    expect(values.trimEnd().split("\n")).toEqual(
      numbers.map(([name, value]) => `${name} ${value}`),
    );
  },
);
