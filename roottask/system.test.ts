// The roottask on the kernel, on QEMU or in the emulator: programs behave as on Linux, crashes and broken inputs are reported
// in one line and do not stop the rest.

import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readElf, SegmentType } from "../tools/elf/index.ts";
import { runsLinuxPrograms } from "../tools/testing/host-tools.ts";
import { boot, type Engine, engines, makeSystem } from "./testing/boot.ts";
import { cc, compileProgram, output, program, startFile } from "./testing/c_programs.ts";
import { elfOf, sampleProgram, tarOf } from "./testing/samples.ts";

/** What isa-debug-exit makes of the roottask's failure. */
const FAILURE = 3;

const directory = mkdtempSync(join(tmpdir(), "system-test-"));

const compileC = (name: string) => compileProgram(name, directory);

/** A busybox of the distribution that is linked statically. */
function staticBusybox(): string | undefined {
  const path = "/bin/busybox";
  if (!existsSync(path)) return undefined;
  const kinds = readElf(readFileSync(path), path).segments.map((segment) => segment.type);
  return kinds.includes(SegmentType.Interp) ? undefined : path;
}

const busybox = staticBusybox();

/** The program's oracle is this host's processor, and the output is one of a processor with AVX. */
const hasAvx = existsSync("/proc/cpuinfo") && / avx /.test(readFileSync("/proc/cpuinfo", "latin1"));

/** Commands whose output depends on their files alone. */
const APPLETS = [
  "echo hello world",
  "cat data/fruit",
  "sort data/fruit",
  "sort -rn data/numbers -o tmp/sorted",
  "head -n 3 tmp/sorted",
  "wc data/numbers data/fruit",
  "sha256sum data/numbers",
  "md5sum data/fruit",
  "grep -n an data/fruit",
  "sed s/a/A/g data/fruit",
  "awk {s+=$1}END{print(s)} data/numbers",
  "ls -a data",
  "find data -name f*",
  "mkdir -p tmp/a/b/c",
  "touch -d @1000000000 tmp/a/b/c/d",
  "stat -c %Y tmp/a/b/c/d",
  "ls -R tmp/a",
  "cp data/fruit tmp/a/copy",
  "mv tmp/a/copy tmp/a/moved",
  "chmod 600 tmp/a/moved",
  "ln -s moved tmp/a/link",
  "cat tmp/a/link",
  "rm -r tmp/a",
  "ls tmp",
  "stat -c %s:%F:%a data/fruit",
  "tail -n 2 data/numbers",
  "uniq -c data/fruit",
  "od -c data/fruit",
  "expr 6 * 7",
  "false",
  "cat missing",
  "printf %d:%s:%x\\n 42 text 255",
  "factor 1234567890",
  "dd if=data/numbers of=tmp/dd bs=100 count=3 status=none",
  "md5sum tmp/dd",
  "base64 data/fruit",
  "cmp data/fruit data/numbers",
  "truncate -s 4 tmp/dd",
  "cat tmp/dd",
  "sleep 0.01",
  "tar -cf tmp/x.tar data/fruit data/numbers",
  "tar -tf tmp/x.tar",
].map((line) => line.split(" "));
APPLETS.push([
  "sh",
  "-c",
  "echo $((6*7)); for i in 1 2 3; do echo $i; done; cd data; test -f fruit && read x < fruit; echo $x",
]);

const exitSeven = elfOf(0x40_1000n, [
  // mov edi, 7; mov eax, 60; syscall
  { address: 0x40_1000n, flags: 5, data: Buffer.from("bf07000000b83c0000000f05", "hex") },
]);

/** Machines for what depends on the number of processors. */
const machines: [engine: Engine, processors: string][] = [
  ...engines.map((engine): [Engine, string] => [engine, "2"]),
  ["the emulator", "1"],
  ["the emulator", "4"],
];

describe("the roottask", () => {
  beforeAll(makeSystem);
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it.skipIf(!runsLinuxPrograms || !cc)("gives a C program what Linux gives it", async () => {
    const file = compileC("personality");
    const archive = await tarOf([
      startFile("env PERSONALITY=yes", 'linux bin/personality 42 /tmp/ "third argument"'),
      program("personality", file),
    ]);
    const empty = join(directory, "empty");
    mkdirSync(empty);
    const linux = spawnSync(file, ["42", `${empty}/`, "third argument"], {
      env: { PERSONALITY: "yes" },
      input: "",
      encoding: "utf8",
    });
    expect(linux.status).toBe(42);
    const { log, status } = boot(archive);
    expect(output(log)).toBe(linux.stdout.replace(`${empty}/`, "/tmp/"));
    expect(log).toContain("[roottask] end 1: exit status 42\n");
    expect(status).toBe(0);
  });

  it
    .skipIf(!runsLinuxPrograms || !cc)
    .each(["contents", "names", "faults", "pipes", "splices", "events", "queued_signals"])(
    "does what Linux does: %s",
    async (name) => {
      const file = compileC(name);
      const archive = await tarOf([startFile(`linux bin/${name} /tmp/`), program(name, file)]);
      // The roottask's files are like those of tmpfs.
      const tmpfs = existsSync("/dev/shm") ? "/dev/shm" : directory;
      const empty = mkdtempSync(join(tmpfs, `${name}-`));
      const command = `true | '${file}' '${empty}/' | cat`;
      const linux = spawnSync("sh", ["-c", command], { encoding: "utf8" });
      rmSync(empty, { recursive: true });
      const { log } = boot(archive);
      expect(output(log)).toBe(linux.stdout);
      expect(log).toContain("[roottask] end 1: exit status 0\n");
    },
  );

  it.skipIf(!busybox)("lets programs wait for each other at a FIFO, but not for ever", async () => {
    const archive = await tarOf([
      startFile(
        "linux bin/busybox mkfifo /tmp/fifo",
        "linux bin/busybox cat /tmp/fifo &",
        'linux bin/busybox sh -c "echo through the fifo > /tmp/fifo"',
        "linux bin/busybox cat /tmp/fifo &",
        "linux bin/busybox cat /tmp/fifo",
      ),
      { name: "bin/busybox", mode: 0o755, data: readFileSync(busybox ?? "") },
    ]);
    const { log, status } = boot(archive);
    expect(output(log)).toContain("through the fifo\n");
    expect(log).toContain("[roottask] end 2: exit status 0\n");
    expect(log).toContain("all threads wait for each other: bin/busybox\n");
    for (const id of [4, 5]) expect(log).toContain(`[roottask] end ${id}: killed by signal 9\n`);
    expect(status).toBe(0);
  });

  it.skipIf(!runsLinuxPrograms || !cc)("keeps flags over system calls as Linux does", async () => {
    const file = compileC("flags");
    const archive = await tarOf([
      startFile("linux bin/flags", "linux bin/flags step"),
      program("flags", file),
    ]);
    const { log } = boot(archive);
    const linux = [[], ["step"]].map((args) => spawnSync(file, args, { encoding: "utf8" }));
    expect(linux.map(({ signal }) => signal)).toEqual([null, "SIGTRAP"]);
    expect(output(log)).toBe(linux.map(({ stdout }) => stdout).join(""));
    expect(log).toContain("[roottask] end 1: exit status 0\n");
    expect(log).toContain("[roottask] end 2: killed by signal 5\n");
  });

  it.skipIf(!runsLinuxPrograms || !cc || !hasAvx)(
    "keeps extended state around signal handlers as Linux does",
    async () => {
      const file = compileC("signal_state");
      const archive = await tarOf([
        startFile("linux bin/signal_state", "mediator off", "linux bin/signal_state"),
        program("signal_state", file),
      ]);
      const linux = spawnSync(file, { input: "", encoding: "utf8" });
      expect(linux.status).toBe(0);
      for (const engine of engines) {
        const { log } = boot(archive, ["-smp", "2"], engine);
        expect(output(log), engine).toBe(linux.stdout.repeat(2));
      }
    },
  );

  it.skipIf(!runsLinuxPrograms || !cc)("runs threads as Linux does", async () => {
    const file = compileC("threads");
    const archive = await tarOf([
      startFile("linux bin/threads", "linux seven"),
      program("threads", file),
      { name: "seven", data: exitSeven },
    ]);
    const linux = spawnSync(file, { input: "", encoding: "utf8" });
    expect(linux.status).toBe(3);
    const { log, status } = boot(archive);
    expect(output(log)).toBe(linux.stdout);
    expect(log).toContain("[roottask] end 1: exit status 3\n");
    expect(log).toContain("[roottask] end 2: exit status 7\n");
    expect(status).toBe(0);
  });

  it.skipIf(!runsLinuxPrograms || !cc)("makes and replaces processes as Linux does", async () => {
    const file = compileC("processes");
    const archive = await tarOf([
      startFile("linux bin/processes", "mediator off", "linux bin/processes"),
      program("processes", file),
    ]);
    const linux = spawnSync(file, { input: "", encoding: "utf8" });
    expect(linux.status).toBe(0);
    for (const engine of engines) {
      const { log } = boot(archive, ["-smp", "2"], engine);
      expect(output(log), engine).toBe(linux.stdout.repeat(2));
    }
  });

  it.skipIf(!runsLinuxPrograms || !cc)("uses all processors as Linux does", async () => {
    const file = compileC("processors");
    const archive = await tarOf([
      startFile("linux bin/processors", "mediator off", "linux bin/processors"),
      program("processors", file),
    ]);
    const linux = spawnSync(file, { input: "", encoding: "utf8" });
    expect(linux.status, linux.stdout).toBe(0);
    for (const [engine, processors] of machines) {
      const { log } = boot(archive, ["-smp", processors], engine);
      expect(output(log), `${engine}, ${processors}`).toBe(linux.stdout.repeat(2));
    }
  });

  it.skipIf(!runsLinuxPrograms || !cc)("uses what ended threads had again", async () => {
    const file = compileC("reuse");
    const archive = await tarOf([
      startFile("linux bin/reuse 1500", "linux bin/reuse 40 &", "linux bin/reuse 40"),
      program("reuse", file),
    ]);
    const linux = (threads: string) =>
      spawnSync(file, [threads], { input: "", encoding: "utf8" }).stdout;
    const { log, serial } = boot(archive);
    expect(output(log)).toBe(linux("1500") + linux("40") + linux("40"));
    for (const id of [1, 2, 3]) expect(log).toContain(`end ${id}: exit status 5\n`);
    expect(serial).not.toContain("EC killed");
  });

  it("runs more programs one after the other than there can be at a time", async () => {
    const lines = Array.from({ length: 1100 }, () => "linux seven");
    const { log, status } = boot(
      await tarOf([startFile(...lines), { name: "seven", data: exitSeven }]),
    );
    expect(log).toContain("end 1100: exit status 7\n");
    expect(log.match(/end \d+: exit status 7/g)).toHaveLength(1100);
    expect(log).toContain("summary: 1100 programs\n");
    expect(status).toBe(0);
  });

  it.skipIf(!runsLinuxPrograms || !busybox)(
    "runs the applets of a static glibc busybox",
    async () => {
      const numbers = Array.from({ length: 2000 }, (_, index) => `${index + 1}\n`).join("");
      const files = [
        { name: "data/numbers", data: numbers },
        { name: "data/fruit", data: "banana\napple\ncherry\n" },
        { name: "bin/busybox", mode: 0o755, data: readFileSync(busybox ?? "") },
      ];
      const folder = join(directory, "busybox");
      for (const { name, data, mode } of files) {
        mkdirSync(join(folder, name, ".."), { recursive: true });
        writeFileSync(join(folder, name), data);
        chmodSync(join(folder, name), mode ?? 0o644);
      }
      mkdirSync(join(folder, "tmp"));
      const options = { cwd: folder, env: {}, input: "", encoding: "utf8" as const };
      const expected = APPLETS.map((args) => spawnSync(join(folder, "bin/busybox"), args, options));
      const quoted = APPLETS.map((args) => args.map((word) => `"${word}"`).join(" "));
      const lines = quoted.map((words) => `linux bin/busybox ${words}`);
      const { log } = boot(await tarOf([startFile(...lines), ...files]));
      expect(output(log)).toBe(expected.map(({ stdout, stderr }) => stderr + stdout).join(""));
      for (const [index, { status }] of expected.entries()) {
        expect(log).toContain(`[roottask] end ${index + 1}: exit status ${status}\n`);
      }
      expect(log).not.toContain("not supported (ENOSYS)");
    },
  );

  it("reports crashes with exception and registers, and goes on", async () => {
    const crash = (code: string) =>
      elfOf(0x40_1000n, [{ address: 0x40_1000n, flags: 5, data: Buffer.from(code, "hex") }]);
    const { log, status } = boot(
      await tarOf([
        startFile("linux ud2", "linux null", "linux hlt", "linux wild", "linux seven"),
        { name: "ud2", data: sampleProgram() },
        // xor eax, eax; mov [rax], eax
        { name: "null", data: crash("31c08900") },
        { name: "hlt", data: crash("f4") },
        // mov rax, -1; jmp rax
        { name: "wild", data: crash("48c7c0ffffffffffe0") },
        { name: "seven", data: exitSeven },
      ]),
    );
    expect(log).toContain("crash 1 (ud2): #UD invalid opcode at RIP 0x401002");
    expect(log).toContain("crash 2 (null): #PF page fault at RIP 0x401002, write to 0x0 (nothing");
    expect(log).toContain("crash 3 (hlt): #GP general protection at RIP 0x401000");
    expect(log).toMatch(/crash 4 \(wild\): #(GP|PF)/);
    expect(log).toMatch(/rsi 0x[0-9a-f]{16} rdi 0x[0-9a-f]{16} rbp 0x[0-9a-f]{16} rsp 0x0000/);
    expect(log).toContain("[roottask] end 1: killed by signal 4\n");
    expect(log).toContain("[roottask] end 2: killed by signal 11\n");
    expect(log).toContain("[roottask] end 5: exit status 7\n");
    expect(log).toContain("summary: 5 programs\n");
    expect(status).toBe(0);
  });

  it("reports programs it cannot start, and goes on", async () => {
    const { log, status } = boot(
      await tarOf([
        startFile(
          "linux truncated",
          "linux script",
          "linux absent",
          "optional linux absent",
          "nonsense",
          "linux seven",
          "pregrant 1G",
        ),
        { name: "truncated", data: sampleProgram().subarray(0, 4096) },
        { name: "script", data: "#!/bin/sh\n" },
        { name: "seven", data: exitSeven },
      ]),
    );
    expect(log).toContain(
      "cannot start truncated: a segment reaches beyond the end of the file (offset 0x40)\n",
    );
    expect(log).toContain("cannot start script: not an ELF file\n");
    expect(log).toContain("cannot start absent: no such file in the archive\n");
    expect(log).toContain("skip absent: not in the archive\n");
    expect(log).toContain(
      'userland.conf line 5: expected "linux PATH ARGUMENTS", "native PATH ARGUMENTS", "env NAME=VALUE", "mediator on|off" or "pregrant SIZE|off"\n',
    );
    expect(log).toContain(
      'userland.conf line 7: pregrant takes a size of up to 256M, as in 64K or 16M, or "off"\n',
    );
    expect(log).toContain("end 3: exit status 7\n");
    expect(log).toContain("summary: 3 programs, 1 not found, 2 lines not understood\n");
    expect(status).toBe(0);
  });

  it("runs programs side by side where the start file says so", async () => {
    const { log, status } = boot(
      await tarOf([
        startFile("linux seven &", "linux seven &", "linux seven", "linux seven &"),
        { name: "seven", data: exitSeven },
      ]),
    );
    for (const id of [1, 2, 3, 4]) expect(log).toContain(`end ${id}: exit status 7\n`);
    expect(log.indexOf("start 2")).toBeLessThan(log.indexOf("end 1"));
    expect(status).toBe(0);
  });

  it("writes the same to the serial line and to the debug console", async () => {
    const archive = await tarOf([startFile("linux seven"), { name: "seven", data: exitSeven }]);
    const { serial, debugConsole } = boot(archive);
    expect(debugConsole).toContain("[roottask] power off\n");
    expect(serial.replaceAll("\r\n", "\n")).toBe(debugConsole);
  });

  it("says as much of itself as its command line asks for", async () => {
    const files = [
      startFile("linux seven", "linux crash"),
      { name: "seven", data: exitSeven },
      { name: "crash", data: sampleProgram() },
      { name: "deep/er/file", data: "12345" },
    ];
    const archive = await tarOf(files);
    const log = (...words: string[]) => boot(archive, [], undefined, words).log;
    const plain = log();
    expect(log("novga")).toBe(plain);
    const undated = (text: string) =>
      text.replace(/^\[roottask\] \d+\.\d{6} [a-z]+ [a-z]+: /gm, "[roottask] ");
    expect(undated(log("log=info"))).toBe(plain);
    expect(log("log=off")).toBe("");
    const debug = log("log=debug");
    expect(debug).toMatch(/ debug machine: stack 0x[0-9a-f]+-0x[0-9a-f]+, 16 pages\n/);
    expect(debug).toMatch(/ debug machine: heap 0x[0-9a-f]+-0x[0-9a-f]+, \d+ pages\n/);
    expect(debug).toMatch(/ debug machine: utcb 0x7f+e?d000\n/);
    expect(debug).toMatch(/ debug machine: hip 0x7f+e000\n/);
    expect(debug).toMatch(/ module: ".* log=debug roottask"\n/);
    expect(debug).toMatch(/ debug archive: 100644 {9}5 \/deep\/er\/file\n/);
    expect(debug).toMatch(/ debug archive: 040755 {9}0 \/deep\/er\/\n/);
    expect(debug).toMatch(/ debug exceptions: 1, thread 2: startup\n/);
    expect(debug).toMatch(/ debug exceptions: 2, thread 3: #UD invalid opcode at RIP 0x401002\n/);
    expect(debug).not.toContain(" trace ");
    expect(log("log=off:crash=error")).toMatch(/^\[roottask\] \d\.\d{6} error exceptions: crash 2/);
  });

  it("says in one line what is wrong with the archive, and ends with a failure", async () => {
    const missing = boot(undefined);
    expect(missing.log).toContain("error: there is no boot module named userland");
    expect(missing.status).toBe(FAILURE);
    const archive = await tarOf([startFile("linux seven"), { name: "seven", data: exitSeven }]);
    const compressed = boot(gzipSync(archive));
    expect(compressed.log).toContain("archive: compressed by gzip, unpack it first, offset 0 of");
    expect(compressed.log).toContain("error: there is no userland.conf in the archive");
    expect(compressed.status).toBe(FAILURE);
    const empty = boot(await tarOf([{ name: "other", data: "x" }]));
    expect(empty.log).toContain("error: there is no userland.conf in the archive");
    expect(empty.status).toBe(FAILURE);
  });

  it("runs what a truncated archive has whole", async () => {
    const archive = await tarOf([
      startFile("linux seven"),
      { name: "seven", data: exitSeven },
      { name: "rest", data: "x".repeat(1000) },
    ]);
    const { log, status } = boot(archive.slice(0, archive.length - 1800));
    expect(log).toMatch(/^\[roottask\] archive: rest skipped: the archive ends inside it, after/m);
    expect(log).toContain("end 1: exit status 7\n");
    expect(status).toBe(0);
  });
});

it.skipIf(!runsLinuxPrograms)("the test programs are what they should be on Linux", () => {
  const file = join(directory, "seven");
  mkdirSync(directory, { recursive: true });
  writeFileSync(file, exitSeven);
  chmodSync(file, 0o755);
  expect(spawnSync(file).status).toBe(7);
  rmSync(directory, { recursive: true });
});
