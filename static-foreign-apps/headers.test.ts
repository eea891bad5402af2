// hedron.h and hedron.rs have the numbers of the kernel and the services: as a C compiler sees them, and as JavaScript
// does.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import * as abi from "../kernel/abi.ts";
import { boot, makeSystem } from "../roottask/testing/boot.ts";
import { tarOf } from "../roottask/testing/samples.ts";
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

/** What testing/services.c prints: 0 for success, a kernel's status, or what Linux would return. */
const SERVICES = [
  ...["echo: 0", "raw echo: 0", "x…", "print: 0", "error", "print of an error: 0"],
  ...["mkdir: 0", "mkdir again: -1", "write: 7", "write of Linux: 6", "seek: 4", "read: 9"],
  ...["is what was written: 1", "fstat: 0", "mode 100640 size 13 links 1", "close: 0"],
  ...["close again: -1", "entry . type 4", "entry .. type 4", "entry file type 8"],
  ...["close of Linux: 0", "stat: 0", "unlink: 0", "stat of nothing: -1", "rmdir: 0"],
  ...["open of nothing: -1", "allocated: 1", "too much: 0"],
  ...["create_pd: 0", `create_pd again: ${abi.BAD_CAP}`, "create_sm: 0", "sm_down: 0"],
  ...[`sm_down until a time that has been: ${abi.TIMEOUT}`, "sm_up: 0", "sm_down: 0"],
  ...["create_ec: 0", "create_pt: 0", `create_sc of a handler: ${abi.BAD_CAP}`, "pt_ctrl: 0"],
  ...[`pt_ctrl of a semaphore: ${abi.BAD_CAP}`, `ec_recall of a portal: ${abi.BAD_CAP}`],
  ...["delegate: 0", "lookup: 1", "revoke: 0", "lookup of nothing: 1"],
  ...[`call of nothing: ${abi.BAD_CAP}`, "a call by message: 1", "pthread_create: 0"],
  ...["pthread_join: 0", "by message, in a program with threads, nothing: 1", "a call: 1"],
];

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

  test("what hedron.h offers works on Hedron, between calls of Linux", async () => {
    makeSystem();
    const program = join(directory, "services");
    const source = join(root, "static-foreign-apps/testing/services.c");
    execFileSync("gcc", ["-std=gnu99", "-O2", "-static", ...options, "-o", program, source]);
    const archive = await tarOf([
      { name: "userland.conf", data: "linux services\n" },
      { name: "services", mode: 0o755, data: readFileSync(program) },
    ]);
    const { log } = boot(archive);
    const [, printed = ""] =
      /start 1: linux services\n([\s\S]*?)\[roottask\] end 1: exit status 0\n/.exec(log) ?? [];
    expect(
      printed
        .replace(/^x{9998}$/m, "x…")
        .trimEnd()
        .split("\n"),
    ).toEqual(SERVICES);
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
