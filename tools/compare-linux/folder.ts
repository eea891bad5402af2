// The programs of a folder: C, Rust and Go sources, executables, shell scripts, and lists of commands. docs/userland.md
// has the names of files and what they mean.

import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, extname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { readElf, SegmentType } from "../elf/index.ts";
import { hostCompiler } from "../make/host-compilers.ts";
import { bash, filesBelow } from "./file-tree.ts";
import { fullName, type Outcome, type Program, type TreeFile } from "./program.ts";

const BUILT = fileURLToPath(new URL("../../build/compare-linux/", import.meta.url));
/** Headers for all C programs. */
const INCLUDE = fileURLToPath(new URL("include/", import.meta.url));
const LIBRARY = ".so.c";
const ELF_MAGIC = Buffer.from("\x7fELF", "latin1");

export interface Folder {
  programs: Program[];
  /** What cannot be built here, and why. */
  skipped: string[];
  /** Names of programs that are known to differ from Linux, with the reason. */
  known: ReadonlyMap<string, string>;
}

const LANGUAGES = { ".c": "gcc", ".rs": "rustc", ".go": "go" } as const;
type Extension = keyof typeof LANGUAGES;

/** Behind the source on a compiler's command line, and in front of it. */
const OPTIONS: Readonly<Record<Extension, { before: string[]; after: string[] }>> = {
  ".c": { before: ["-static", "-O1", "-w", "-I", INCLUDE], after: ["-lpthread", "-lm"] },
  ".rs": { before: [], after: [] },
  ".go": { before: [], after: [] },
};

/** Options that make an executable static, by themselves or with the "-C" in front of them. */
const STATIC = ["-static", "target-feature=+crt-static"];

/**
 * Compiles a source, unless that has been done; the executable's path, or undefined without a compiler. Where the folder
 * has a file `dynamic` it is linked dynamically. A source "NAME.so.c" becomes a shared library. `parts` are further sources
 * of the same program.
 */
export function compile(source: string, parts: readonly string[] = []): string | undefined {
  const extension = extname(source) as Extension;
  const compiler = hostCompiler(LANGUAGES[extension]);
  if (compiler === undefined) return undefined;
  const folder = resolve(source, "..");
  const dynamic = existsSync(join(folder, "dynamic"));
  const library = source.endsWith(LIBRARY) ? ["-shared", "-fPIC"] : [];
  const headers = [folder, INCLUDE].flatMap((from) =>
    readdirSync(from)
      .filter((name) => name.endsWith(".h"))
      .map((name) => join(from, name)),
  );
  const hash = createHash("sha256").update(compiler.version).update(`${dynamic}`);
  for (const path of [source, ...parts, ...headers]) hash.update(readFileSync(path));
  const output = join(BUILT, hash.digest("hex").slice(0, 16));
  if (existsSync(output)) return output;
  mkdirSync(BUILT, { recursive: true });
  const { before, after } = OPTIONS[extension];
  // C programs of others may leave warnings and results of functions alone; Rust's may unwind.
  const flags =
    extension === ".c" ? before : compiler.flags.filter((flag) => flag !== "panic=abort");
  const linked = dynamic ? flags.filter((flag) => !STATIC.includes(flag)) : flags;
  const fixed = extension === ".rs" ? withoutOption(linked) : linked;
  execFileSync(
    compiler.command,
    [...fixed, ...library, ...compiler.strip.all, "-o", output, source, ...parts, ...after],
    { env: { ...process.env, ...compiler.env }, stdio: ["ignore", "inherit", "inherit"] },
  );
  return output;
}

/** Interpreter and libraries of an executable, which the interpreter knows; nothing for a static one. */
function librariesOf(path: string): TreeFile[] {
  const file = readFileSync(path);
  const segment = readElf(file, path).segments.find(({ type }) => type === SegmentType.Interp);
  if (segment === undefined) return [];
  const end = segment.offset + segment.fileSize;
  const interpreter = file.toString("latin1", segment.offset, end).replace(/\0.*$/s, "");
  const { status, stdout } = spawnSync(interpreter, ["--list", path], { encoding: "utf8" });
  if (status !== 0) throw new Error(`${path}: ${interpreter} does not find all its libraries`);
  const libraries = [...stdout.matchAll(/=> (\/\S+)/g)].map(([, library]) => library as string);
  return [interpreter, ...libraries].map((name) => ({
    name: name.slice(1),
    mode: 0o755,
    data: readFileSync(name),
  }));
}

/** Without a "-C" that nothing follows any more. */
function withoutOption(flags: readonly string[]): string[] {
  return flags.filter((flag, index) => flag !== "-C" || !flags[index + 1]?.startsWith("-"));
}

/** "text\nend: exit status 0": what a program prints, and how it ends. */
function answerOf(text: string): Outcome {
  const [, before = "", end = ""] = /^((?:.*\n)*)end: (.*)\n?$/.exec(text) ?? [];
  if (end === "") throw new Error("the last line of an answer begins with end:");
  return { text: before, end };
}

/** A file whose every line is "NAME ARGUMENTS: text (exit status 0)" answers for many runs of one program. */
function runsOf(name: string, text: string): { words: string[]; answer: Outcome }[] | undefined {
  const lines = text.trimEnd().split("\n");
  const runs = lines.flatMap((line) => {
    const [, called, words = "", printed = "", end = ""] =
      /^(\S+) ([^:]*): (.*) \((exit status \d+|killed by signal \d+)\)$/.exec(line) ?? [];
    if (called !== name) return [];
    return [{ words: words.split(" "), answer: { text: `${printed}\n`, end } }];
  });
  return runs.length === lines.length ? runs : undefined;
}

/** Words of a command: blanks part them, quotes keep them together. */
function words(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
}

class Reader {
  readonly folder: Folder = { programs: [], skipped: [], known: new Map() };
  readonly #path: string;
  readonly #class: string;
  readonly #tree: TreeFile[];
  /** Programs of the host that are not there. */
  readonly #absent = new Set<string>();

  constructor(path: string) {
    this.#path = resolve(path);
    this.#class = basename(this.#path);
    const tree = join(this.#path, "tree");
    this.#tree = existsSync(tree) ? filesBelow(tree) : [];
    for (const path of (this.#beside("from-host", "") ?? "").split("\n").filter(Boolean))
      this.#bring(path);
    const known = this.#beside("differences", ".json");
    if (known) this.folder.known = new Map(Object.entries(JSON.parse(known) as object));
    const files = readdirSync(this.#path).sort();
    const isLibrary = (name: string) => name.endsWith(LIBRARY);
    for (const name of files.filter(isLibrary)) this.#read(name);
    for (const name of files.filter((each) => !isLibrary(each))) this.#read(name);
  }

  /** A program of the host for all commands of the folder. */
  #bring(path: string): void {
    if (!existsSync(path)) this.#absent.add(path.slice(1));
    else {
      const own = { name: path.slice(1), mode: 0o755, data: readFileSync(path) };
      this.#tree.push(own, ...librariesOf(path));
    }
  }

  #beside(name: string, extension: string): string | undefined {
    const path = join(this.#path, name + extension);
    return existsSync(path) ? readFileSync(path, "latin1") : undefined;
  }

  #read(file: string): void {
    const path = join(this.#path, file);
    const extension = extname(file);
    const name = basename(file, extension);
    if (statSync(path).isDirectory()) return;
    if (extension in LANGUAGES) {
      const built = compile(path);
      if (built && file.endsWith(LIBRARY))
        this.#tree.push({ name: `lib/${name}`, mode: 0o755, data: readFileSync(built) });
      else if (built) this.#executable(name, built);
      else
        this.folder.skipped.push(`${this.#class}/${name}: no ${LANGUAGES[extension as Extension]}`);
    } else if (extension === ".sh") this.#script(name, readFileSync(path));
    else if (extension === ".list") this.#list(readFileSync(path, "utf8"));
    else if (extension === "" && readFileSync(path).subarray(0, 4).equals(ELF_MAGIC)) {
      this.#executable(name, path);
    }
  }

  #add(name: string, command: readonly string[], files: TreeFile[], answer?: Outcome): void {
    const program = { class: this.#class, name, command, files: [...this.#tree, ...files], answer };
    const present = this.folder.programs.some((each) => each.name === name);
    if (present) throw new Error(`${fullName(program)} is there twice`);
    this.folder.programs.push(program);
  }

  /** With NAME.in as its input, by a shell, where there is such a file. */
  #withInput(name: string, command: string[], files: TreeFile[]): [string[], TreeFile[]] {
    const input = this.#beside(name, ".in");
    if (input === undefined) return [command, files];
    const file = { name: `s/${name}.in`, data: Buffer.from(input, "latin1") };
    const line = `exec ${command.join(" ")} <${file.name}`;
    return [
      ["bin/busybox", "sh", "-c", line],
      [...files, file],
    ];
  }

  #executable(name: string, path: string): void {
    const at = `bin/c/${name}`;
    const own = [{ name: at, mode: 0o755, data: readFileSync(path) }, ...librariesOf(path)];
    const text = this.#beside(name, ".txt");
    const runs = text === undefined ? undefined : runsOf(name, text);
    if (runs) {
      for (const run of runs)
        this.#add([name, ...run.words].join(" "), [at, ...run.words], own, run.answer);
      return;
    }
    const [command, files] = this.#withInput(name, [at], own);
    this.#add(name, command, files, text === undefined ? undefined : answerOf(text));
  }

  #script(name: string, data: Buffer): void {
    const at = `s/${name}.sh`;
    const text = this.#beside(name, ".txt");
    const answer = text === undefined ? undefined : answerOf(text);
    const [command, files] = this.#withInput(name, ["bin/busybox", "sh", at], [{ name: at, data }]);
    this.#add(name, command, files, answer);
    if (this.#class !== "bash" && !existsSync(join(this.#path, "with-bash"))) return;
    const again = `${name} (bash)`;
    if (bash)
      this.#add(
        again,
        command
          .map((word) => (word === "bin/busybox" ? "bin/bash" : word))
          .filter((word) => word !== "sh"),
        files,
        answer,
      );
    else this.folder.skipped.push(`${this.#class}/${again}: no static bash`);
  }

  #list(text: string): void {
    for (const line of text.split("\n")) {
      if (line === "" || line.startsWith("#")) continue;
      const command = words(line);
      if (this.#absent.has(command[0] ?? ""))
        this.folder.skipped.push(`${this.#class}/${line}: not on this host`);
      else this.#add(line, command, []);
    }
  }
}

/** Reads a folder and compiles what has to be. */
export function readFolder(path: string): Folder {
  return new Reader(path).folder;
}
