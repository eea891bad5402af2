// The vDSO as other programs see it: readelf, and glibc's loader, which loads it as a shared object.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { guestModule } from "../../tools/asc/guest.ts";
import { hasTool, runsLinuxPrograms } from "../../tools/testing/host-tools.ts";
import { TIME_PAGE, TIME_PROCESSORS } from "../libhrstd/mediator_layout.ts";
import { roottask } from "../programs.ts";
import { linkMediator, mediatorImage } from "./image.ts";
import { elfHash, gnuHash, vdsoImage } from "./vdso_image.ts";

const FUNCTIONS = ["clock_getres", "clock_gettime", "getcpu", "gettimeofday", "time"].map(
  (name) => `__vdso_${name}`,
);
const folder = mkdtempSync(join(tmpdir(), "vdso-"));
const file = join(folder, "vdso.so");
const mediator = join(folder, "mediator");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

beforeAll(async () => {
  if (!roottask.parts?.vdso || !roottask.parts.mediator) throw new Error("no parts");
  const { wasm, sourceMap } = await guestModule(roottask.parts.vdso);
  writeFileSync(file, vdsoImage(wasm, sourceMap));
  const other = await guestModule(roottask.parts.mediator);
  writeFileSync(mediator, linkMediator(other.wasm, other.sourceMap));
  expect(mediatorImage(linkMediator(other.wasm)).length).toBeLessThan(0x1_0000);
});

/** Loads the object and looks up each argument with a version. */
const LOOK_UP = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
int main(int argc, char **argv) {
  void *object = dlopen(argv[1], RTLD_NOW);
  if (!object) return puts(dlerror()), 1;
  for (int i = 3; i < argc; i++) printf("%s %d\\n", argv[i], !!dlvsym(object, argv[i], argv[2]));
  int (*getcpu)(unsigned *, unsigned *, void *) = dlsym(object, "__vdso_getcpu");
  unsigned cpu = 9999, node = 9999;
  cpu_set_t here;
  CPU_ZERO(&here);
  CPU_SET(sched_getcpu(), &here);
  sched_setaffinity(0, sizeof here, &here);
  char *page = mmap((void *)${TIME_PAGE}, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  *(long *)(page + ${TIME_PROCESSORS}) = 2;
  int result = getcpu(&cpu, &node, 0);
  printf("%d %d\\n", result, CPU_ISSET(cpu, &here));
  *(long *)(page + ${TIME_PROCESSORS}) = 1;
  result = getcpu(&cpu, &node, 0);
  return printf("%d %u %u\\n", result, cpu, node), 0;
}`;

describe("the vDSO", () => {
  it.skipIf(!hasTool("readelf"))("is a shared object without complaints of readelf", () => {
    const text = execFileSync("readelf", ["-aW", file], { encoding: "utf8" });
    expect(text).not.toMatch(/warning|error|corrupt/i);
    expect(text).toContain("Library soname: [linux-vdso.so.1]");
    const names = [...text.matchAll(/FUNC +GLOBAL DEFAULT +\d+ (\S+)@@LINUX_2\.6/g)];
    expect(names.map(([, name]) => name).sort()).toEqual(FUNCTIONS);
  });

  it.skipIf(!runsLinuxPrograms || !hasTool("gcc"))("is loaded by glibc, with its versions", () => {
    const [source, program] = [join(folder, "look.c"), join(folder, "look")];
    writeFileSync(source, LOOK_UP);
    execFileSync("gcc", ["-o", program, source, "-ldl"]);
    const look = (version: string) =>
      execFileSync(program, [file, version, ...FUNCTIONS], { encoding: "utf8" });
    expect(look("LINUX_2.6")).toBe(
      `${FUNCTIONS.map((name) => `${name} 1\n`).join("")}0 1\n0 0 0\n`,
    );
    expect(look("LINUX_2.7")).toBe(
      `${FUNCTIONS.map((name) => `${name} 0\n`).join("")}0 1\n0 0 0\n`,
    );
  });

  it("hashes names as both tables want them", () => {
    // Values of the gABI's and of glibc's functions, for a name that overflows and one that does not.
    expect([elfHash("printf"), gnuHash("printf")]).toEqual([0x77905a6, 0x156b2bb8]);
    expect(elfHash("LINUX_2.6")).toBe(0x3ae75f6);
  });
});

describe("code in programs", () => {
  it.skipIf(!hasTool("objdump"))("touches no floating-point register", () => {
    for (const path of [file, mediator]) {
      const text = execFileSync("objdump", ["-d", path], { encoding: "utf8" });
      expect(text).toMatch(/\bret\b/);
      expect(text).not.toMatch(/[xyz]mm\d|\bst\(|\bmm\d|\bfx?save|\bfx?rstor/);
    }
  });
});
