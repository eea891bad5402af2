// What this repository can make. Each target is a few lines: what it needs and what it does; the steps are
// put together from tools/make/steps.ts, which also says what makes a step run again.

import { spawn } from "node:child_process";
import { once as event } from "node:events";
import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type Command, InvalidArgumentError } from "commander";
import { KERNEL_GUEST } from "./kernel/options.ts";
import { apps, type GuestProgram, names, roottask, userland } from "./roottask/programs.ts";
import { foreignPrograms } from "./static-foreign-apps/programs.ts";
import { WASI_GUEST } from "./tools/aot/wasi/options.ts";
import type { BenchOptions } from "./tools/bench/bench.ts";
import { BIOS_LOADER_GUEST } from "./tools/bootimage/loader/bios/options.ts";
import { UEFI_LOADER_GUEST } from "./tools/bootimage/loader/uefi/options.ts";
import { CORE_GUEST } from "./tools/emulator/core/options.ts";
import { check } from "./tools/make/check.ts";
import { runMake, type Target } from "./tools/make/cli.ts";
import {
  canCompile,
  type ForeignProgram,
  foreignOutput,
  foreignSteps,
  isCompiledByPackage,
  leftOut,
} from "./tools/make/foreign.ts";
import {
  type ArchiveEntry,
  ascStep,
  bootImageStep,
  executableStep,
  tarStep,
} from "./tools/make/steps.ts";
import type { Task } from "./tools/make/task.ts";
import { isFile, openTyped, typing } from "./tools/make/typed.ts";
import { zigBinary } from "./tools/make/zig.ts";
import {
  BATCH,
  BOOT_CONFIGURATION,
  BOOT_IMAGE,
  bootPath,
  emulatorArguments,
  IMAGES,
  INTERACTIVE,
  imageArguments,
  REAL_TIME,
  SHELL,
  SHELL_ARCHIVE,
  SHIPPED_ARCHIVE,
} from "./tools/package/images.ts";

const root = fileURLToPath(new URL("./", import.meta.url));
/** Where make was called: files on its command line are relative to it. */
const calledFrom = process.env.INIT_CWD ?? process.cwd();
process.chdir(root);

const kernelImage = executableStep({
  guest: { name: "kernel", ...KERNEL_GUEST },
  output: "build/kernel.elf32",
  beside: { symbols: "build/kernel.elf64" },
  module: "kernel/build.ts",
  builder: "buildKernelFiles",
});

/** A program in TypeScript of the runtime environment. */
function program(guest: GuestProgram, output: string): Task {
  return executableStep({
    guest,
    parts: guest.parts,
    output,
    module: "roottask/build.ts",
    builder: guest.builder,
  });
}
const roottaskImage = program(roottask, "build/roottask-bin");
const appImages = apps.map((app) => program(app, `build/apps/${app.name}`));
/** Those for Linux. */
const linuxApps = apps.flatMap((app, index): [Task, GuestProgram][] => {
  const image = appImages[index];
  return image && app.builder.startsWith("buildLinux") ? [[image, app]] : [];
});

/** Which compilers are here is asked only for targets that need to know. */
function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
const foreignImages = once(() => foreignSteps(foreignPrograms));
const leftOutHere = (): string | undefined => leftOut(foreignPrograms);

/** An archive with our programs and these of others. */
function archive(output: string, programs: readonly ForeignProgram[]): Task {
  const entries: ArchiveEntry[] = [
    ...userland.map(({ path, file }) => ({ name: path, path: file, executable: false })),
    ...apps.map((app) => ({
      name: app.archivePath ?? `bin/${app.name}`,
      path: `build/apps/${app.name}`,
      executable: true,
    })),
    ...programs.filter(canCompile).map((foreign) => ({
      name: foreign.archivePath,
      path: foreignOutput(foreign),
      executable: true,
    })),
  ];
  return tarStep(output, entries, [...appImages, ...foreignImages()]);
}
const tarball = once(() => archive("build/userland.tar", foreignPrograms));
/** Where Debian's package busybox-static puts what a shell is made of. */
const BUSYBOX = "/bin/busybox";
/** With a shell on the serial line in place of the programs. */
const shellTarball = once(() =>
  tarStep(
    `build/${SHELL_ARCHIVE}`,
    [
      { name: "userland.conf", path: "roottask/shell.conf", executable: false },
      { name: "etc/motd", path: "roottask/motd", executable: false },
      ...names.map(({ path, file }) => ({ name: path, path: file, executable: false })),
      { name: "bin/busybox", path: relative(root, BUSYBOX), executable: true },
    ],
    [],
  ),
);
/** As the package ships it: what compilers of the host have made depends on the host. */
const shippedTarball = once(() =>
  archive(SHIPPED_ARCHIVE, foreignPrograms.filter(isCompiledByPackage)),
);
/** The emulator's CPU core, as the package ships it. */
const emulatorCore = ascStep({ name: "emulator core", ...CORE_GUEST }, "build/emulator-core.wasm");
/** What the compiler links with programs for WASI, as the package ships it. */
const wasiLayer = ascStep({ name: "WASI layer", ...WASI_GUEST }, "build/wasi.wasm");

const biosLoader = executableStep({
  guest: { name: "bios-loader", ...BIOS_LOADER_GUEST },
  output: "build/loader/bios.bin",
  beside: { mbr: "build/loader/mbr.bin", symbols: "build/loader/bios.elf64" },
  module: "tools/bootimage/loader/bios/build.ts",
  builder: "buildBiosLoader",
});
const uefiLoader = executableStep({
  guest: { name: "uefi-loader", ...UEFI_LOADER_GUEST },
  output: "build/loader/bootx64.efi",
  module: "tools/bootimage/loader/uefi/build.ts",
  builder: "buildUefiLoader",
});
/** The system as a stick, a disk or a CD that BIOS and UEFI start. */
const bootImage = once(() =>
  bootImageStep(
    `build/${BOOT_IMAGE}`,
    {
      configuration: BOOT_CONFIGURATION,
      files: IMAGES.map(({ name }) => ({ path: bootPath(name), source: `build/${name}` })),
      loader: {
        mbr: "build/loader/mbr.bin",
        bios: "build/loader/bios.bin",
        efi: "build/loader/bootx64.efi",
      },
    },
    [kernelImage, roottaskImage, tarball(), biosLoader, uefiLoader],
  ),
);
/** What takes longest comes first. */
const everything = once(() => [
  emulatorCore,
  wasiLayer,
  ...foreignImages(),
  kernelImage,
  roottaskImage,
  tarball(),
]);

/** What the page in a tab takes from it. */
const ofWebSite = (): Task[] => [...everything(), bootImage()];

/** What the npm package takes from the build. */
const shipped = (): Task[] => [...everything(), shippedTarball(), biosLoader, uefiLoader];

/** Runs a script of ours in a process that owns the terminal; resolves to its exit status. */
async function runScript(script: string, args: string[]): Promise<number> {
  const { execa } = await import("execa");
  // Ctrl-C is the program's own affair; make ends when it does.
  const ignore = (): void => undefined;
  process.on("SIGINT", ignore);
  const { exitCode } = await execa(process.execPath, [script, ...args], {
    stdio: "inherit",
    reject: false,
  });
  process.off("SIGINT", ignore);
  return exitCode ?? 1;
}

/** The system with a shell on the serial line, in real time at a terminal; what is not typed at a terminal ends by the end-of-file character. */
async function runShell(words: readonly string[]): Promise<number> {
  const args = [...emulatorArguments("build", words, SHELL_ARCHIVE), ...SHELL];
  if (process.stdin.isTTY) return runScript("tools/bin/emu", [...args, ...REAL_TIME]);
  const input = isFile() ? openTyped("build/.typed") : "pipe";
  const child = spawn(process.execPath, ["tools/bin/emu", ...args], {
    stdio: [input, "inherit", "inherit"],
  });
  if (child.stdin !== null) {
    // The machine may be off before all has been typed.
    child.stdin.on("error", () => {});
    process.stdin.pipe(typing()).pipe(child.stdin);
  }
  const [status] = (await event(child, "close")) as [number | null];
  process.stdin.destroy();
  return status ?? 1;
}

/** The roottask's option for what is logged, as a word of its command line: blanks and commas end it. */
function logOption(levels: string): string {
  if (!/^[^\s,]+$/.test(levels)) {
    throw new InvalidArgumentError("Expected levels with colons between them (docs/userland.md).");
  }
  return `log=${levels}`;
}

/** The parts of the target bench, in their order. */
type BenchPart = (options: BenchOptions, workloads: readonly string[]) => Promise<void>;
const benchParts: Record<string, BenchPart> = {
  kernel: async () => {
    const kernel = await import("./kernel/bench/table.ts");
    console.log(kernel.formatPaths(await kernel.countPaths(await readFile("build/kernel.elf32"))));
  },
  compiler: async () => {
    if (process.platform !== "linux" || process.arch !== "x64") {
      console.log("compiled programs are left out: they run as Linux executables on x86-64 only");
      return;
    }
    const compiler = await import("./tools/aot/bench.ts");
    console.log(compiler.formatBench(await compiler.runBench()));
  },
  emulator: async (_options, workloads) => {
    const { printBench } = await import("./tools/emulator/bench/bench.ts");
    await printBench({ names: workloads, zig: zigBinary() });
  },
  web: async (_options, workloads) => {
    const { makeWebSite, webSiteFiles } = await import("./tools/package/web-site.ts");
    const { printWebBench } = await import("./tools/emulator/bench/web/bench.ts");
    await makeWebSite(root);
    await printWebBench({ ...webSiteFiles(root), names: workloads, zig: zigBinary() });
  },
  system: async (options) => {
    const { benchSystem } = await import("./tools/bench/bench.ts");
    await benchSystem(options);
  },
};

/**
 * Prints the tables of some parts, of all by default. Other names are of the emulator's workloads. Options are the
 * system's.
 */
async function bench(command: Command): Promise<number> {
  const workloads = command.args.filter((name) => !Object.hasOwn(benchParts, name));
  const parts = command.args.filter((name) => Object.hasOwn(benchParts, name));
  const takesWorkloads = parts.includes("emulator") || parts.includes("web");
  if (workloads.length > 0 && !takesWorkloads) parts.push("emulator");
  const names = parts.length > 0 ? parts : Object.keys(benchParts);
  try {
    for (const name of names) {
      await benchParts[name]?.(command.opts<BenchOptions>(), workloads);
      console.log();
    }
  } catch (error) {
    console.error(`make bench: ${(error as Error).message}`);
    return 1;
  }
  return 0;
}

const targets: Target[] = [
  {
    name: "check",
    summary: "is everything here that building and running needs?",
    action: () => (check(root, console.log) ? 0 : 1),
  },
  {
    name: "all",
    summary: "everything below up to userland_tarball (default)",
    steps: everything,
    note: leftOutHere,
  },
  {
    name: "microkernel",
    summary:
      "the kernel, bootable through Multiboot: build/kernel.elf32, for gdb: build/kernel.elf64",
    steps: () => [kernelImage],
  },
  {
    name: "runtime_environment",
    summary: "the roottask and all programs in TypeScript",
    steps: () => [roottaskImage, ...appImages],
  },
  {
    name: "roottask",
    summary: "the roottask: build/roottask-bin",
    steps: () => [roottaskImage],
  },
  {
    name: "static_foreign_apps",
    summary: "the programs for Linux in C, Zig, Rust and Go, as far as their compilers are here",
    steps: foreignImages,
    note: leftOutHere,
  },
  {
    name: "hedron_header",
    summary: "write the kernel's numbers into the headers for programs in C and Rust anew",
    action: async () => {
      const { writeHeaders } = await import("./static-foreign-apps/numbers.ts");
      for (const file of writeHeaders(root)) console.log(`${file} written`);
      return 0;
    },
  },
  {
    name: "userland_tarball",
    summary: "the archive with all programs and what is started: build/userland.tar",
    steps: () => [tarball()],
    note: leftOutHere,
  },
  {
    name: "bootimage",
    summary: `the system for a stick, a disk or a CD, by BIOS and UEFI: build/${BOOT_IMAGE}`,
    steps: () => [bootImage()],
    note: leftOutHere,
  },
  {
    name: "check-syscalls",
    summary: "which system calls Linux programs contain, and which are answered here (-- FILE…)",
    steps: () => [...linuxApps.map(([image]) => image), ...foreignImages()],
    options: (command) =>
      command
        .argument("[file...]", "static executables; without them all programs of the archive")
        .addHelpText(
          "after",
          "\nThe exit status is 1 where a call is not answered, 2 where a file cannot be looked at.",
        ),
    action: async (command) => {
      const { checkSyscalls } = await import("./tools/syscalls/check.ts");
      const [files] = command.processedArgs as [string[]];
      const all = [
        ...linuxApps.map(([, app]) => ({
          name: app.archivePath ?? app.name,
          path: `build/apps/${app.name}`,
        })),
        ...foreignPrograms.filter(canCompile).map((foreign) => ({
          name: foreign.archivePath,
          path: foreignOutput(foreign),
        })),
      ];
      const given = files.map((name) => ({ name, path: resolve(calledFrom, name) }));
      return checkSyscalls(root, given.length > 0 ? given : all, console.log, console.error);
    },
  },
  {
    name: "run_nogui",
    summary: "build, then boot it in the emulator; the log is qemu_debugcon.txt",
    steps: () => [...everything(), ...(existsSync(BUSYBOX) ? [shellTarball()] : [])],
    note: leftOutHere,
    options: (command) =>
      command
        .option("--bench", "start bench.conf: measure")
        .option("--shell", `start ${BUSYBOX} as a shell on the serial line; input is typed there`)
        .option("--log <levels>", "what the roottask logs: debug, services=trace, …", logOption),
    action: async (command) => {
      const { bench, shell, log } = command.opts<{ bench?: true; shell?: true; log?: string }>();
      const words = [...(bench ? ["bench"] : []), ...(log ? [log] : [])];
      if (shell) {
        if (existsSync(BUSYBOX)) return runShell(words);
        console.error(
          `make run_nogui: --shell takes a static busybox, and ${BUSYBOX} is not there`,
        );
        return 1;
      }
      return runScript("tools/bin/emu", [...emulatorArguments("build", words), ...BATCH]);
    },
  },
  {
    name: "run",
    summary:
      "the same in real time with its screen in the browser; monitor (Ctrl-A C) and exit (Ctrl-A X)",
    steps: everything,
    note: leftOutHere,
    action: () => runScript("tools/bin/emu", [...emulatorArguments("build"), ...INTERACTIVE]),
  },
  {
    name: "run_bootimage",
    summary: "as run_nogui, but from the boot image: a disk that the emulator's firmware starts",
    steps: () => [bootImage()],
    note: leftOutHere,
    action: () => runScript("tools/bin/emu", [...imageArguments("build"), ...BATCH]),
  },
  {
    name: "bench",
    summary:
      "measure the kernel, the compiler, the emulator, the page and the system; parts by name behind --",
    steps: ofWebSite,
    note: leftOutHere,
    options: (command) =>
      command
        .argument(
          "[part...]",
          `what to measure: ${Object.keys(benchParts).join(", ")}; names of the emulator's guests`,
        )
        .option("--compare <file>", "system: compare with results.json of another run")
        .option("--reference <file>", "system: measure this reference kernel and record it"),
    action: bench,
  },
  {
    name: "web",
    summary: "the system in a browser's tab: static files for any host, build/web/",
    steps: ofWebSite,
    note: leftOutHere,
    action: async () => {
      const { makeWebSite } = await import("./tools/package/web-site.ts");
      await makeWebSite(root);
      console.log("build/web/ written");
      return 0;
    },
  },
  {
    name: "dist",
    summary: "what the npm package consists of: build/dist/",
    steps: shipped,
    action: async () => {
      const { makeDist } = await import("./tools/package/dist.ts");
      await makeDist(root);
      return 0;
    },
  },
  {
    name: "package",
    summary: "the npm package, packed: build/trihedron-VERSION.tgz",
    steps: shipped,
    action: async () => {
      const { makeDist, packPackage } = await import("./tools/package/dist.ts");
      await makeDist(root);
      console.log(await packPackage(root));
      return 0;
    },
  },
  {
    name: "clean",
    summary: "remove build/ and qemu_debugcon.txt",
    action: async () => {
      await rm("build", { recursive: true, force: true });
      await rm("qemu_debugcon.txt", { force: true });
      return 0;
    },
  },
];

process.exitCode = await runMake(root, targets, process.argv.slice(2));
