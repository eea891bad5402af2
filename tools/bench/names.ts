// The names of all measurements, and who prints which (docs/benchmarks.md says what each is).

/** Who prints measurements: the roottask, or a program by its path in the archive. */
export const ROOTTASK = "roottask";
export const NATIVE = "bin/bench_native";
export const HYBRID = "bin/hybrid_benchmark";
/** In C: it is there where its compiler is. */
export const PROCESS = "bin/c_process_benchmark";

/** Where a program for Linux runs. */
export type System = "hedron" | "linux";

/** In front of all names of the program that a mediator serves. */
export const MEDIATED = "mediated.";

export const EMPTY = "timer.overhead";
/** The cheapest native call, to which the thesis' figures are related. */
export const CHEAPEST = "syscall.native";

const KIB = 1024;
/** Bytes of a call that transfers a piece of a file, by what names call them. */
export const PIECES: ReadonlyMap<string, number> = new Map([
  ["1", 1],
  ["16", 16],
  ["256", 256],
  ["4k", 4 * KIB],
  ["16k", 16 * KIB],
  ["32k", 32 * KIB],
  ["64k", 64 * KIB],
  ["128k", 128 * KIB],
  ["256k", 256 * KIB],
  ["1m", KIB * KIB],
]);
export const FILES: ReadonlyMap<string, number> = new Map([
  ["64k", 64 * KIB],
  ["1m", KIB * KIB],
]);

/** Names of transfers of files in pieces of every size, in the order in which they are measured. */
function fileNames(prefix: string, mostCalls: number): string[] {
  return [...FILES].flatMap(([file, bytes]) =>
    [...PIECES]
      .filter(([, piece]) => piece <= bytes && bytes / piece <= mostCalls)
      .flatMap(([piece]) =>
        ["write", "read"].map((direction) => `${prefix}.${direction}.${file}.${piece}`),
      ),
  );
}

const CALLS = ["set_tid_address", "fstat", "open"];

/** The names that a program prints where no repetition may make more than `mostCalls` calls; each is printed once. */
export function namesOf(
  program: string,
  system: System = "hedron",
  mostCalls = Number.POSITIVE_INFINITY,
): string[] {
  switch (program) {
    case ROOTTASK:
      return [
        EMPTY,
        "ipc.raw.same",
        "ipc.regular.same",
        "domain.create",
        "program.create",
        "delegate.page",
        "delegate.gib",
        "roottask.allocate.1",
        "roottask.allocate.4096",
        "roottask.file",
      ];
    case NATIVE:
      return [
        EMPTY,
        CHEAPEST,
        "ipc.raw.cross",
        "ipc.regular.cross",
        "exception",
        "thread.create",
        "semaphore.switch",
        "service.open",
        ...fileNames("service.file", mostCalls),
      ];
    case HYBRID:
      return [
        EMPTY,
        ...(system === "linux"
          ? []
          : [
              "syscall.hybrid",
              "hybrid.ipc.raw",
              "hybrid.ipc.regular",
              ...CALLS.map((call) => `hop.${call}`),
              ...CALLS.map((call) => `hybrid.${call}`),
            ]),
        "syscall.linux",
        ...CALLS.map((call) => `call.${call}`),
        ...fileNames("file", mostCalls),
      ];
    case PROCESS:
      return [EMPTY, ...KERNEL_PARTS.keys()];
    default:
      throw new Error(`${program} is no program that measures`);
  }
}

/**
 * Of what is measured of processes, memory and signals the parts that are the kernel's, by the measurements that have
 * them alone, each as often as it is needed at least.
 */
export const KERNEL_PARTS: ReadonlyMap<string, readonly string[]> = new Map([
  ["process.fork", ["domain.create", "thread.create"]],
  ["process.exec", ["domain.create", "thread.create"]],
  ["process.pipe", ["semaphore.switch", "semaphore.switch"]],
  ["process.switches", ["semaphore.switch", "semaphore.switch"]],
  ["memory.map", ["ipc.raw.cross", "ipc.raw.cross"]],
  ["memory.fault", ["exception", "delegate.page"]],
  ["memory.copy", ["exception", "delegate.page"]],
  ["signal.deliver", ["ipc.raw.cross", "ipc.raw.cross"]],
]);

/** How many times what is measured a repetition does; a program divides its ticks by it. */
export function divisorOf(name: string): number {
  return name === "semaphore.switch" ? 2 : 1;
}
