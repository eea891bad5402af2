// Compilers of the host that make static Linux executables for x86-64: gcc with glibc, rustc, go. Which of them are
// here, and able to, is found out by compiling a program of one line; the answer is kept in build/.make for as long
// as the compiler calls itself the same.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";

const REPOSITORY = fileURLToPath(new URL("../../", import.meta.url));
const ANSWERS = join(REPOSITORY, "build/.make/compilers.json");
/** Milliseconds after which a compiler that does not answer counts as absent; Go compiles its runtime first. */
const PATIENCE = 180_000;

export type HostCompilerName = "gcc" | "rustc" | "go";

/** A compiler with the options that make it compile one source file for Linux. */
export interface HostCompiler {
  command: string;
  /** What it says of itself: the result depends on it. */
  version: string;
  /** Options in front of output and source. */
  flags: readonly string[];
  /** More of them, for executables without symbols, and for those that keep them. */
  strip: { all: readonly string[]; debug: readonly string[] };
  env: Readonly<Record<string, string>>;
}

interface Kind {
  /** For people: what has to be there. */
  what: string;
  /** Debian's names of the packages. */
  packages: string;
  /** A program of one line and the ending of its file. */
  probe: { text: string; extension: string };
  /** What is found on PATH, best first, whether it works or not. */
  candidates(): HostCompiler[];
}

/** Standard output of a command that ends with status 0, without white space around it. */
function ask(command: string, ...args: string[]): string | undefined {
  const { status, stdout } = spawnSync(command, args, { encoding: "utf8", timeout: PATIENCE });
  return status === 0 ? stdout.trim() : undefined;
}

/** GNU's names of its Linux targets; other C libraries and the x32 ABI say so at the end. */
const GLIBC_TARGET = /^x86_64(-\w+)?-linux(-gnu)?$/;

function gccCandidates(): HostCompiler[] {
  return ["gcc", "x86_64-linux-gnu-gcc"].flatMap((command) => {
    const target = ask(command, "-dumpmachine");
    if (target === undefined || !GLIBC_TARGET.test(target)) return [];
    const library = ask(command, "-print-file-name=libc.a") ?? "";
    if (!isAbsolute(library)) return [];
    const version = `${ask(command, "--version")?.split("\n")[0]}, ${library}`;
    const flags = ["-static", "-O2", "-Wall", "-Wextra"];
    return [
      { command, version, flags, strip: { all: ["-s"], debug: ["-Wl,--strip-debug"] }, env: {} },
    ];
  });
}

function rustCandidates(): HostCompiler[] {
  const version = ask("rustc", "-vV");
  if (version === undefined) return [];
  return ["x86_64-unknown-linux-musl", "x86_64-unknown-linux-gnu"].map((target) => ({
    command: "rustc",
    version,
    flags: [
      ...["--edition", "2021", "--target", target, "-C", "target-feature=+crt-static"],
      ...["-C", "opt-level=2", "-C", "panic=abort", "-C", "debuginfo=0"],
    ],
    strip: { all: ["-C", "strip=symbols"], debug: ["-C", "strip=debuginfo"] },
    env: {},
  }));
}

function goCandidates(): HostCompiler[] {
  const version = ask("go", "version");
  if (version === undefined) return [];
  // Nothing of the person's own settings counts, and nothing is fetched.
  const env = {
    ...{ GOOS: "linux", GOARCH: "amd64", GOAMD64: "v1", CGO_ENABLED: "0" },
    ...{ GOENV: "off", GOFLAGS: "", GOWORK: "off", GOPROXY: "off", GOTOOLCHAIN: "local" },
    ...{ GOCACHE: join(REPOSITORY, "build/.go-cache"), GOPATH: join(REPOSITORY, "build/.go") },
  };
  const flags = ["build", "-trimpath"];
  const strip = { all: ["-ldflags=-s -w -buildid="], debug: ["-ldflags=-w -buildid="] };
  return [{ command: "go", version, flags, strip, env }];
}

const KINDS: Readonly<Record<HostCompilerName, Kind>> = {
  gcc: {
    what: "gcc with a static glibc",
    packages: "gcc and libc6-dev",
    probe: { text: "int main(void) { return 0; }\n", extension: "c" },
    candidates: gccCandidates,
  },
  rustc: {
    what: "rustc with a static Linux target",
    packages: "rustc and libstd-rust-dev",
    probe: { text: "fn main() {}\n", extension: "rs" },
    candidates: rustCandidates,
  },
  go: {
    what: "go",
    packages: "golang-go",
    probe: { text: "package main\n\nfunc main() {}\n", extension: "go" },
    candidates: goCandidates,
  },
};

/** For people: what has to be there, and which packages of a distribution bring it. */
export function describeCompiler(name: HostCompilerName): { what: string; packages: string } {
  return KINDS[name];
}

const found = new Map<HostCompilerName, HostCompiler | undefined>();

/** The compiler, if one is here that makes static Linux executables for x86-64. Each is looked for once a process. */
export function hostCompiler(name: HostCompilerName): HostCompiler | undefined {
  if (!found.has(name)) found.set(name, findCompiler(name));
  return found.get(name);
}

/** What was found out about a compiler in earlier runs: its candidates as JSON, and the index of the first that works. */
type Answers = Partial<Record<HostCompilerName, { candidates: string; works: number }>>;

function readAnswers(): Answers {
  try {
    return JSON.parse(readFileSync(ANSWERS, "utf8")) as Answers;
  } catch {
    return {};
  }
}

function findCompiler(name: HostCompilerName): HostCompiler | undefined {
  const kind = KINDS[name];
  const candidates = kind.candidates();
  if (candidates.length === 0) return undefined;
  const question = JSON.stringify(candidates);
  const answers = readAnswers();
  const known = answers[name];
  if (known?.candidates === question) return candidates[known.works];
  const works = candidates.findIndex((candidate) => compilesProbe(kind.probe, candidate));
  mkdirSync(dirname(ANSWERS), { recursive: true });
  writeFileSync(
    ANSWERS,
    JSON.stringify({ ...answers, [name]: { candidates: question, works } } satisfies Answers),
  );
  return candidates[works];
}

function compilesProbe({ text, extension }: Kind["probe"], compiler: HostCompiler): boolean {
  const folder = mkdtempSync(join(tmpdir(), "compiler-"));
  try {
    const source = join(folder, `probe.${extension}`);
    const output = join(folder, "probe");
    writeFileSync(source, text);
    const { command, flags, strip } = compiler;
    const env = { ...process.env, ...compiler.env };
    const args = [...flags, ...strip.all, "-o", output, source];
    const { status } = spawnSync(command, args, { env, stdio: "ignore", timeout: PATIENCE });
    return status === 0 && existsSync(output);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
