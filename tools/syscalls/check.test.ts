// Which system calls are found in executables: code written for the purpose, programs of a C compiler against what
// strace sees them do, and files that are damaged.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import * as r from "../asm/index.ts";
import { linkElf } from "../elf/index.ts";
import { hostCompiler } from "../make/host-compilers.ts";
import { hasTool, runsLinuxPrograms } from "../testing/host-tools.ts";
import { CheckError, checkSyscalls, findCalls } from "./check.ts";
import { readCallTable } from "./table.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "syscalls-test-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** An executable of the code that `write` writes, from `_start` on. */
function executable(write: (a: r.Assembler) => void): Uint8Array {
  const a = new r.Assembler({ bits: 64, name: "test" });
  a.section(".text");
  a.label("_start", { global: true });
  write(a);
  return linkElf({
    objects: [a.object()],
    segments: [{ name: "text", flags: "rx", vaddr: 0x40_0000n, sections: [".text"] }],
    entry: "_start",
    class: 64,
  });
}

/** Puts a label where the code stands. */
function at(a: r.Assembler, name: string): r.Assembler {
  a.label(name);
  return a;
}

/** Numbers that are found, and reasons why there may be others. */
function found(write: (a: r.Assembler) => void): { numbers: number[]; reasons: string[] } {
  const { calls, unknown } = findCalls(executable(write), "test");
  return {
    numbers: calls.map(({ number }) => number),
    reasons: unknown.map(({ reason }) => reason),
  };
}

const known = (...numbers: number[]) => ({ numbers, reasons: [] });

describe("a number is found", () => {
  test.each<[string, (a: r.Assembler) => void, number]>([
    ["that is moved", (a) => a.mov(r.eax, 60).syscall(), 60],
    ["that is 0 by XOR", (a) => a.xor(r.eax, r.eax).syscall(), 0],
    ["pushed and popped", (a) => a.push(231).pop(r.rax).syscall(), 231],
    ["in another register", (a) => a.mov(r.ebx, 9).mov(r.rax, r.rbx).syscall(), 9],
    [
      "put together by LEA",
      (a) =>
        a
          .xor(r.edi, r.edi)
          .lea(r.eax, r.qword(r.rdi, { disp: 39 }))
          .syscall(),
      39,
    ],
    ["counted up", (a) => a.mov(r.eax, 10).inc(r.eax).add(r.eax, 4).syscall(), 15],
    [
      "kept on the stack",
      (a) =>
        a
          .mov(r.dword(r.rsp, { disp: 8 }), 41)
          .push(r.rbx)
          .mov(r.rax, r.qword(r.rsp, { disp: 16 }))
          .syscall(),
      41,
    ],
    [
      "behind other instructions",
      (a) => a.mov(r.eax, 1).mov(r.edi, 2).lea(r.rsi, r.qword(r.rsp)).nop().syscall(),
      1,
    ],
    [
      "kept over a call",
      (a) => at(a.mov(r.ebx, 3).call("function").mov(r.eax, r.ebx).syscall(), "function").ret(),
      3,
    ],
  ])("%s", (_, write, number) => {
    expect(found(write)).toEqual(known(number));
  });

  test("on both sides of a branch", () => {
    const code = (a: r.Assembler): void => {
      a.mov(r.eax, 1).test(r.edi, r.edi).jz("there").mov(r.eax, 20);
      at(a, "there").syscall();
    };
    expect(found(code)).toEqual(known(1, 20));
  });

  test("in the callers of the function with the instruction, in registers and on the stack", () => {
    const code = (a: r.Assembler): void => {
      a.mov(r.edi, 102).call("outer").mov(r.edi, 104).call("outer");
      a.sub(r.rsp, 16).mov(r.qword(r.rsp), 107).call("on_stack").hlt();
      at(a, "outer").sub(r.rsp, 8).call("inner").add(r.rsp, 8).ret();
      at(a, "inner").mov(r.rax, r.rdi).syscall().ret();
      at(a, "on_stack")
        .mov(r.rax, r.qword(r.rsp, { disp: 8 }))
        .syscall()
        .ret();
    };
    expect(found(code)).toEqual(known(102, 104, 107));
  });

  test("behind a function that does not return", () => {
    const code = (a: r.Assembler): void => {
      a.mov(r.edi, 5).call("wrapper").mov(r.edi, 77).call("fatal");
      at(a, "wrapper").mov(r.rax, r.rdi).syscall().ret();
      at(a, "fatal").hlt();
    };
    expect(found(code)).toEqual(known(5));
  });
});

describe("what cannot be known is said", () => {
  test.each<[string, (a: r.Assembler) => void, string]>([
    ["read from memory", (a) => a.mov(r.rax, r.qword(r.rbx)).syscall(), "read from memory"],
    ["arithmetic", (a) => a.imul(r.eax, r.ebx).syscall(), "computed"],
    [
      "the result of a function",
      (a) => at(a.call("f").syscall(), "f").ret(),
      "what a function returns or leaves",
    ],
    ["set by the kernel", (a) => a.syscall(), "set before the program begins"],
    [
      "jumped to through a table",
      (a) => a.jmp(r.qword(r.rbx)).syscall(),
      "reached by address or table only",
    ],
  ])("%s", (_, write, reason) => {
    expect(found(write)).toEqual({ numbers: [], reasons: [reason] });
  });

  test("for a function that is also called by address", () => {
    const code = (a: r.Assembler): void => {
      a.mov(r.edi, 8).call("f").lea(r.rbx, r.rip("f")).call(r.rbx).hlt();
      at(a, "f").mov(r.rax, r.rdi).syscall().ret();
    };
    expect(found(code)).toEqual({
      numbers: [8],
      reasons: ["its function is also called by address"],
    });
  });
});

test("calls of 32-bit programs are seen", () => {
  expect(
    findCalls(
      executable((a) => a.mov(r.eax, 1).int(0x80)),
      "test",
    ).old,
  ).toHaveLength(1);
});

test("the table is that of roottask/linux/calls.ts", () => {
  const table = readCallTable(root);
  expect(table.name(1)).toBe("write");
  expect([0, 1, 231].map(table.status)).toEqual(["answered", "answered", "answered"]);
  // rseq, which C libraries do without; kexec_load; a number that Linux does not give out.
  expect([334, 246, 400].map(table.status)).toEqual(["refused", "missing", "missing"]);
});

/** The report on files and the exit status. */
function report(...paths: string[]): { status: number; text: string; complaints: string[] } {
  const lines: string[] = [];
  const complaints: string[] = [];
  const files = paths.map((path) => ({ name: path.slice(directory.length + 1), path }));
  const status = checkSyscalls(
    root,
    files,
    (text) => lines.push(text),
    (line) => complaints.push(line),
  );
  return { status, text: lines.join("\n"), complaints };
}

function file(name: string, bytes: Uint8Array | string): string {
  const path = join(directory, name);
  writeFileSync(path, bytes);
  return path;
}

test("the exit status tells answered, missing and unreadable", () => {
  const good = file(
    "good",
    executable((a) => a.mov(r.eax, 60).syscall()),
  );
  const bad = file(
    "bad",
    executable((a) => a.mov(r.eax, 246).syscall()),
  );
  expect(report(good)).toEqual({
    status: 0,
    text: "good: 1 system calls, 0 not answered, 0 places with other numbers\n  answered: exit",
    complaints: [],
  });
  expect(report(good, bad)).toMatchObject({
    status: 1,
    text: expect.stringContaining("not answered: kexec_load, at 0x4"),
  });
  const none = file("none", "#!/bin/sh\n");
  expect(report(bad, none, join(directory, "absent"))).toMatchObject({
    status: 2,
    complaints: [
      expect.stringMatching(/^none: not an ELF file[^\n]*$/),
      expect.stringMatching(/^absent: ENOENT[^\n]*$/),
    ],
  });
});

test("a damaged file is refused in one line or looked at, whatever is damaged", () => {
  const sound = executable((a) => {
    a.mov(r.edi, 5).call("f").hlt();
    at(a, "f").push(r.rbx).mov(r.rax, r.rdi).syscall().pop(r.rbx).ret();
  });
  let state = 1;
  const next = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  let refused = 0;
  for (let round = 0; round < 500; round++) {
    const bytes = Uint8Array.from(sound);
    for (let i = next(6); i >= 0; i--)
      bytes[next(round % 2 === 0 ? 200 : bytes.length)] = next(256);
    try {
      findCalls(bytes.subarray(0, round % 3 === 0 ? next(bytes.length) : bytes.length), "damaged");
    } catch (error) {
      expect(error).toBeInstanceOf(CheckError);
      expect((error as Error).message).toMatch(/^damaged: [^\n]+$/);
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(50);
});

test("code that calls itself without end is given up on", () => {
  const code = (a: r.Assembler): void => {
    for (let i = 0; i < 400; i++)
      at(a, `f${i}`)
        .call(`f${(i * 7) % 400}`)
        .call(`f${(i * 13) % 400}`);
    a.syscall();
  };
  expect(found(code).numbers).toEqual([]);
});

describe.skipIf(!runsLinuxPrograms || !hostCompiler("gcc") || !hasTool("strace", ["-V"]))(
  "of a C compiler's programs",
  () => {
    test.each(["-O0", "-O2", "-Os"])("%s: what strace sees is found", (optimization) => {
      const source = file(
        "calls.c",
        `#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
static long second(int which) { return syscall(which ? SYS_getppid : SYS_gettid); }
int main(int argc, char **argv) {
  FILE *out = fopen("/dev/null", "w");
  fprintf(out, "%ld %ld %s\\n", second(argc > 1), syscall(SYS_getpgid, 0), argv[0]);
  return fclose(out);
}
`,
      );
      const program = join(directory, "calls");
      expect(spawnSync("gcc", ["-static", optimization, "-o", program, source]).status).toBe(0);
      const log = join(directory, "strace");
      expect(spawnSync("strace", ["-o", log, program]).status).toBe(0);
      const made = [...readFileSync(log, "utf8").matchAll(/^(\w+)\(/gm)].map(([, name]) => name);
      const table = readCallTable(root);
      const { calls } = findCalls(readFileSync(program), "calls");
      const names = new Set(calls.map(({ number }) => table.name(number)));
      // The first is strace's own.
      expect(made.slice(1).filter((name) => !names.has(name))).toEqual([]);
      for (const name of ["getppid", "gettid", "getpgid"]) expect(names).toContain(name);
    });
  },
);
