// `aot IN.wasm -o OUT --target kernel|native|linux|uefi`: compiles and links one module, with those it imports
// from where `--link` names them.
// A linux module becomes an executable, a uefi module an EFI application (PE32+). Modules of the other targets that need no stubs are linked
// at the addresses given; whole kernels and roottasks are linked by their own build.

import { chmodSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { Command, InvalidArgumentError, Option } from "commander";
import { LinkError, linkElf, type ObjectFile, writeRelocatable } from "../elf/index.ts";
import { PeError } from "../pe/index.ts";
import { CompileError, compile } from "./compile.ts";
import { linkInstances } from "./instances.ts";
import { LINUX_SEGMENTS, linkUefi } from "./link.ts";
import { exportSymbol } from "./names.ts";
import { type PrefixMap, parsePrefixMap } from "./prefix.ts";
import type { TargetName } from "./targets/target.ts";
import { linkWasi } from "./wasi/link.ts";

interface Options {
  output: string;
  target: TargetName;
  entry: string;
  text: bigint;
  sourceMap?: string;
  compileOnly?: true;
  filePrefixMap: PrefixMap[];
  cpu: "x86-64" | "x86-64-v2";
  link: { name: string; file: string }[];
}

/** `NAME=FILE`, added to those before. */
function linked(text: string, before: Options["link"]): Options["link"] {
  const [name, file] = [text.slice(0, text.indexOf("=")), text.slice(text.indexOf("=") + 1)];
  if (!text.includes("=") || name === "" || file === "") {
    throw new InvalidArgumentError("NAME=FILE: the module's name in imports, and its .wasm file");
  }
  return [...before, { name, file }];
}

function address(text: string): bigint {
  if (!/^(0x[0-9a-f]+|\d+)$/i.test(text))
    throw new InvalidArgumentError("an address such as 0x400000");
  return BigInt(text);
}

function prefixMap(text: string, before: PrefixMap[]): PrefixMap[] {
  try {
    return [...before, parsePrefixMap(text)];
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

/** Reads a file or ends with a message a person can act on. */
function read(path: string, what: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new CompileError(`cannot read ${what} ${path}: ${(error as NodeJS.ErrnoException).code}`);
  }
}

function link(object: ObjectFile, options: Options): Uint8Array {
  if (options.target === "uefi") return linkUefi(object);
  const linux = options.target === "linux";
  return linkElf({
    objects: [object],
    segments: linux
      ? LINUX_SEGMENTS
      : [
          { name: "text", flags: "rx", vaddr: options.text, sections: [".text"] },
          ...LINUX_SEGMENTS.slice(1),
          { name: "wasm", flags: "rw", sections: [".wasm.data"] },
        ],
    entry: linux ? "_start" : exportSymbol(options.entry),
    class: 64,
  });
}

async function build(input: string, options: Options): Promise<void> {
  const main = read(input, "the module");
  const others = options.link.map((x) => ({ ...x, bytes: read(x.file, "the module") }));
  const linked = others.length > 0 ? linkInstances({ file: input, bytes: main }, others) : main;
  const wasm = options.target === "linux" ? await linkWasi({ file: input, bytes: linked }) : linked;
  if (wasm !== main && options.sourceMap !== undefined) {
    throw new CompileError("--source-map belongs to one module: it cannot be used with --link");
  }
  const mapPath = options.sourceMap ?? `${input}.map`;
  const sourceMap =
    wasm === main && (options.sourceMap !== undefined || existsSync(mapPath))
      ? read(mapPath, "the source map").toString("utf8")
      : undefined;
  const modern = options.cpu === "x86-64-v2";
  const object = compile(wasm, {
    target: options.target,
    name: input,
    features: { sse41: modern, popcnt: modern },
    filePrefixMap: options.filePrefixMap,
    ...(sourceMap === undefined ? {} : { sourceMap }),
  });
  const elf = options.compileOnly ? writeRelocatable(object) : link(object, options);
  const aside = `${options.output}.${process.pid}.tmp`;
  try {
    writeFileSync(aside, elf);
    if (!options.compileOnly) chmodSync(aside, 0o755);
    renameSync(aside, options.output);
  } catch (error) {
    rmSync(aside, { force: true });
    throw new CompileError(
      `cannot write ${options.output}: ${(error as NodeJS.ErrnoException).code}`,
    );
  }
}

const program = new Command("aot")
  .description("Compiles a WebAssembly module to an x86-64 executable: ELF, or PE32+ for UEFI.")
  .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "aot: ")) })
  .argument("<module>", "the .wasm file")
  .requiredOption("-o, --output <file>", "the file to write")
  .addOption(
    new Option("-t, --target <name>", "what the program runs on")
      .choices(["kernel", "native", "linux", "uefi"])
      .default("linux"),
  )
  .addOption(
    new Option("--cpu <level>", "instructions that may be used; v128 needs x86-64-v2")
      .choices(["x86-64", "x86-64-v2"])
      .default("x86-64"),
  )
  .option("--entry <export>", "where execution starts (kernel, native)", "main")
  .addOption(
    new Option("--text <address>", "virtual address of the code (kernel, native)")
      .argParser(address)
      .default(0x400000n, "0x400000"), // described in words: Commander cannot print a BigInt
  )
  .option("-c, --compile-only", "write a relocatable object file, for a linker")
  .addOption(
    new Option(
      "--file-prefix-map <old=new>",
      "names of source files in the output begin with <new> where they began with <old>; may be repeated",
    )
      .argParser(prefixMap)
      .default([], "none"),
  )
  .option(
    "--link <name=file>",
    "module that is linked in under the name others import from; in order of instantiation",
    linked,
    [],
  )
  .option("--source-map <file>", "source map of the module (default: <module>.map where it exists)")
  .action(async (input: string, options: Options) => {
    try {
      await build(input, options);
    } catch (error) {
      if (error instanceof CompileError || error instanceof LinkError || error instanceof PeError) {
        process.stderr.write(`aot: ${error.message}\n`);
      } else {
        process.stderr.write(
          `aot: ${input}: ${error instanceof Error ? error.message : String(error)}\n`,
        );
      }
      process.exitCode = 1;
    }
  });

await program.parseAsync();
