// The programs in TypeScript and what goes into userland.tar. Light to load: the Makefile reads it in every
// run, build.ts with the compiler behind it only when something is linked.

import { NATIVE_LAYOUT, ROOTTASK_LAYOUT } from "./asm/layout.ts";

/** A guest program: where it begins, how asc compiles it, which function of build.ts links it. */
export interface GuestProgram {
  name: string;
  /** Entry file, relative to the repository. */
  entry: string;
  /** asc options beside those every guest shares. */
  args: string[];
  /** Guest programs it carries, which its builder links. */
  parts?: Record<string, { name: string; entry: string; args: string[] }>;
  builder:
    | "buildRoottask"
    | "buildNativeApp"
    | "buildNativeBenchmark"
    | "buildNativeVectorApp"
    | "buildLinuxApp"
    | "buildLinuxBenchmark";
  /** Path in userland.tar; the roottask itself is not in it. */
  archivePath?: string;
}

/** The roottask runs on several threads of control, so it needs atomic instructions. */
const ROOTTASK_ARGS = ["--use", "abort=", "--enable", "threads"];
const APP_ARGS = ["--use", "abort="];

export const roottask: GuestProgram = {
  name: "roottask",
  entry: "roottask/bin/roottask.ts",
  args: [...ROOTTASK_ARGS, "--memoryBase", `${ROOTTASK_LAYOUT.data}`],
  parts: {
    mediator: { name: "mediator", entry: "roottask/mediator/guest/mediator.ts", args: APP_ARGS },
    vdso: { name: "vdso", entry: "roottask/mediator/guest/vdso.ts", args: APP_ARGS },
  },
  builder: "buildRoottask",
};

function native(name: string, entry: string): GuestProgram {
  const args = [...APP_ARGS, "--memoryBase", `${NATIVE_LAYOUT.data}`];
  return { name, entry, args, builder: "buildNativeApp", archivePath: `bin/${name}` };
}

/** A program that measures, which needs stubs of its own. */
const measuring = (program: GuestProgram): GuestProgram => ({
  ...program,
  builder: program.builder === "buildNativeApp" ? "buildNativeBenchmark" : "buildLinuxBenchmark",
});

function linux(name: string, entry: string): GuestProgram {
  return { name, entry, args: APP_ARGS, builder: "buildLinuxApp", archivePath: `bin/${name}` };
}

/** Programs in TypeScript. */
export const apps: GuestProgram[] = [
  {
    ...native("hello_native", "roottask/bin/hello_native.ts"),
    builder: "buildNativeVectorApp",
  },
  native("ramdisk", "roottask/bin/ramdisk.ts"),
  measuring(native("bench_native", "roottask/bin/bench_native.ts")),
  linux("sha256sum", "static-foreign-apps/TypeScript/sha256sum.ts"),
  linux("hello_hybrid", "static-foreign-apps/TypeScript/hello_hybrid.ts"),
  measuring(linux("hybrid_benchmark", "static-foreign-apps/TypeScript/hybrid_benchmark.ts")),
];

/** Names of hosts, services and protocols, for what looks them up: path in every archive, file in the repository. */
export const names = ["hosts", "nsswitch.conf", "protocols", "services"].map((name) => ({
  path: `etc/${name}`,
  file: `roottask/etc/${name}`,
}));

/** Files that go into userland.tar as they are: path in the archive, file in the repository. */
export const userland: { path: string; file: string }[] = [
  { path: "userland.conf", file: "roottask/userland.conf" },
  { path: "bench.conf", file: "roottask/bench.conf" },
  { path: "etc/motd", file: "roottask/motd" },
  ...names,
];
