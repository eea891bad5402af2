// What a machine in the tab is made of: files that were chosen, dropped or named in the page's address, and the options
// beside them, by the emulator's names.

import type { Accel } from "../jit/accel.ts";
import { parseAccel } from "../jit/accel.ts";
import { LoadError } from "../load-error.ts";
import type { MediaKind } from "../machine-options.ts";

/** A file in memory. */
export interface NamedFile {
  name: string;
  bytes: Uint8Array;
}

export interface BootOptions {
  /** What is booted, for people; the files' names where it is missing. */
  title?: string;
  kernel?: NamedFile;
  modules: (NamedFile & { commandLine: string })[];
  disks: (NamedFile & { kind: MediaKind })[];
  append: string;
  /** As for -m. */
  memory: string;
  cpus: number;
  vga: boolean;
  accel?: Accel;
  /** Idle time is waited out. */
  realTime: boolean;
  /** The CPUs wait until somebody lets them run. */
  paused: boolean;
}

/** The same with addresses in the place of files: what a page's address, or an entry of the gallery, says. */
export interface BootPlan extends Omit<BootOptions, "kernel" | "modules" | "disks"> {
  kernel?: string;
  modules: { url: string; commandLine: string }[];
  disks: { url: string; kind: MediaKind }[];
}

export const NO_PLAN: BootPlan = {
  modules: [],
  disks: [],
  append: "",
  memory: "128M",
  cpus: 1,
  vga: true,
  realTime: true,
  paused: false,
};

const DISKS = { cdrom: "cdrom", disk: "disk", floppy: "floppy" } as const;
const KNOWN = [
  ...["kernel", "module", "append", "memory", "cpus", "vga", "accel", "clock"],
  ...["paused", "hidden", "guest", ...Object.keys(DISKS)],
];
/** Options that may be given several times. */
const LISTS = ["module", ...Object.keys(DISKS)];
/** Options that are addresses. */
const FILES = ["kernel", ...LISTS];
/** Where files may come from. */
const SCHEMES = ["http:", "https:", "data:", "blob:"];

const fileName = (url: string): string => url.replace(/[?#].*$/, "").replace(/^.*\//, "") || url;

function number(name: string, text: string): number {
  if (!/^\d{1,3}$/.test(text)) throw new LoadError(`?${name}=${text}: expected a number`);
  return Number(text);
}

function oneOf<T extends string>(name: string, text: string, known: readonly T[]): T {
  const found = known.find((each) => each === text);
  if (found === undefined) throw new LoadError(`?${name}=${text}: expected ${known.join(" or ")}`);
  return found;
}

/**
 * What the part of a page's address behind the question mark asks for, on top of `defaults`, whose files count where it
 * names nothing that boots. Throws `LoadError` of one line.
 */
export function planOf(query: URLSearchParams, defaults: BootPlan = NO_PLAN): BootPlan {
  for (const name of query.keys()) {
    if (!KNOWN.includes(name)) {
      throw new LoadError(`?${name}: unknown option; there are ${KNOWN.join(", ")}`);
    }
    const values = query.getAll(name);
    if (values.length > 1 && !LISTS.includes(name)) {
      throw new LoadError(`?${name}: given ${values.length} times`);
    }
    if (FILES.includes(name) && values.some((value) => /^(\s|$)/.test(value))) {
      throw new LoadError(`?${name}: expected the address of a file`);
    }
  }
  if (query.has("module") && !query.has("kernel")) {
    throw new LoadError("?module: expected ?kernel, too, which gets it");
  }
  const boots = namesFiles(query);
  const plan = boots ? { ...NO_PLAN } : { ...defaults };
  const given = (name: string): string | undefined => query.get(name) ?? undefined;
  if (boots) {
    plan.kernel = given("kernel");
    plan.modules = query.getAll("module").map((text) => {
      const [url = "", ...words] = text.split(" ");
      return { url, commandLine: [fileName(url), ...words].join(" ") };
    });
    plan.disks = Object.entries(DISKS).flatMap(([name, kind]) =>
      query.getAll(name).map((url) => ({ url, kind })),
    );
  }
  const hidden = given("hidden");
  if (hidden !== undefined) oneOf("hidden", hidden, ["run", "pause"]);
  const accel = given("accel");
  const cpus = given("cpus");
  const vga = given("vga");
  const clock = given("clock");
  return {
    ...plan,
    append: given("append") ?? plan.append,
    memory: given("memory") ?? plan.memory,
    cpus: cpus === undefined ? plan.cpus : number("cpus", cpus),
    vga: vga === undefined ? plan.vga : oneOf("vga", vga, ["std", "none"]) === "std",
    accel: accel === undefined ? plan.accel : parseAccel(accel, "?accel="),
    realTime:
      clock === undefined ? plan.realTime : oneOf("clock", clock, ["host", "vm"]) === "host",
    paused: query.has("paused") || plan.paused,
  };
}

/** Whether a query names something that boots. */
export const namesFiles = (query: URLSearchParams): boolean =>
  ["kernel", ...Object.keys(DISKS)].some((name) => query.has(name));

/** Whether there is anything to boot. */
export const bootsSomething = (plan: Pick<BootPlan, "kernel" | "disks">): boolean =>
  plan.kernel !== undefined || plan.disks.length > 0;

/** How far the files are: bytes that have come, of all of them where that is known. */
export type Progress = (name: string, received: number, total: number | undefined) => void;

/** The whole address of a file. Throws `LoadError`. */
function addressOf(url: string, base: string): URL {
  try {
    const address = new URL(url, base);
    if (SCHEMES.includes(address.protocol)) return address;
  } catch {
    // What is no address is refused as one of another scheme is.
  }
  throw new LoadError(`${url}: expected an address of http or https`);
}

async function fetched(
  url: string,
  base: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<NamedFile> {
  const address = addressOf(url, base);
  const name = fileName(url);
  const unreachable = ({ message }: Error): never => {
    const isElsewhere = address.origin !== new URL(base).origin;
    const hint = isElsewhere ? "; another host has to allow this page to read it (CORS)" : "";
    throw new LoadError(`${url}: ${message}${hint}`);
  };
  const response = await fetch(address, { signal }).catch(unreachable);
  if (!response.ok) throw new LoadError(`${url}: the server answers ${response.status}`);
  // The length is that of what travels, which may be packed.
  const length = response.headers.get("content-encoding")
    ? null
    : response.headers.get("content-length");
  const total = length === null ? undefined : Number(length);
  const parts: Uint8Array[] = [];
  let received = 0;
  const reader = response.body?.getReader();
  for (;;) {
    const { done, value } = (await reader?.read().catch(unreachable)) ?? { done: true };
    if (done || value === undefined || signal.aborted) break;
    parts.push(value);
    received += value.length;
    progress(name, received, total);
  }
  return { name, bytes: new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer()) };
}

/** Fetches the files of a plan; addresses are relative to `base`. Throws `LoadError`, and fetches no more of the others. */
export async function fetchFiles(
  plan: BootPlan,
  base: string,
  progress: Progress = () => {},
): Promise<BootOptions> {
  const { kernel, modules, disks, ...rest } = plan;
  const others = new AbortController();
  const file = async (url: string): Promise<NamedFile> => {
    try {
      return await fetched(url, base, progress, others.signal);
    } catch (error) {
      others.abort();
      throw error;
    }
  };
  const [main, withArguments, media] = await Promise.all([
    kernel === undefined ? undefined : file(kernel),
    Promise.all(
      modules.map(async ({ url, commandLine }) => ({ ...(await file(url)), commandLine })),
    ),
    Promise.all(disks.map(async ({ url, kind }) => ({ ...(await file(url)), kind }))),
  ]);
  return { ...rest, kernel: main, modules: withArguments, disks: media };
}

const KERNEL_MAGICS: readonly (readonly [at: number, magic: string])[] = [
  [0, "\x7fELF"],
  // Linux's boot protocol, "HdrS".
  [0x202, "HdrS"],
];
/** Multiboot headers are in the first bytes of a kernel (Multiboot 1, 3.1; Multiboot 2, 3.1.1). */
const HEADER_BYTES = 32768;
const HEADER_MAGICS = [0x1badb002, 0xe85250d6] as const;
const CD_MAGIC: readonly [at: number, magic: string] = [0x8001, "CD001"];
/** A disk image that says what it is. */
const QCOW2_MAGIC: readonly [at: number, magic: string] = [0, "QFI\xfb"];
const FLOPPY_BYTES = 2_949_120;

const has = (bytes: Uint8Array, [at, magic]: readonly [number, string]): boolean =>
  [...magic].every((c, i) => bytes[at + i] === c.charCodeAt(0));

function hasMultibootHeader(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = Math.min(HEADER_BYTES, bytes.length) - 12;
  for (let at = 0; at <= end; at += 4) {
    const magic = view.getUint32(at, true);
    if (!HEADER_MAGICS.some((each) => each === magic)) continue;
    const fields = magic === HEADER_MAGICS[0] ? 3 : 4;
    let sum = 0;
    for (let i = 0; i < fields && at + 4 * i + 4 <= bytes.length; i++) {
      sum += view.getUint32(at + 4 * i, true);
    }
    if (sum % 2 ** 32 === 0) return true;
  }
  return false;
}

/** What a file that was dropped is: by its contents, not by its name. */
export function kindOfFile(bytes: Uint8Array): "kernel" | MediaKind | "module" {
  if (has(bytes, QCOW2_MAGIC)) return "disk";
  if (has(bytes, CD_MAGIC)) return "cdrom";
  if (KERNEL_MAGICS.some((magic) => has(bytes, magic)) || hasMultibootHeader(bytes))
    return "kernel";
  const isBootable = bytes[510] === 0x55 && bytes[511] === 0xaa && bytes.length % 512 === 0;
  if (isBootable)
    return bytes.length <= FLOPPY_BYTES && bytes.length >= 163_840 ? "floppy" : "disk";
  return "module";
}

/** Files with what they are together: the first kernel gets all the others, media too, as its modules. */
export function sortedFiles<T extends NamedFile>(
  files: readonly T[],
): (T & { kind: ReturnType<typeof kindOfFile> })[] {
  const sorted = files.map((file) => ({ ...file, kind: kindOfFile(file.bytes) }));
  const kernel = sorted.find(({ kind }) => kind === "kernel");
  if (kernel === undefined) return sorted;
  return sorted.map((file) => (file === kernel ? file : { ...file, kind: "module" }));
}

/** A machine of files that were dropped together: a kernel with modules, or disks. Throws `LoadError`. */
export function optionsOfFiles(files: readonly NamedFile[], base: BootPlan = NO_PLAN): BootOptions {
  const options: BootOptions = { ...base, kernel: undefined, modules: [], disks: [] };
  for (const { kind, name, bytes } of sortedFiles(files)) {
    if (kind === "kernel") options.kernel = { name, bytes };
    else if (kind === "module") options.modules.push({ name, bytes, commandLine: name });
    else options.disks.push({ name, bytes, kind });
  }
  if (options.kernel === undefined && options.disks.length === 0) {
    const names = files.map(({ name }) => name).join(", ") || "no file";
    throw new LoadError(
      `${names}: nothing that boots; expected a Multiboot or Linux kernel, a disk with a boot sector, or a CD`,
    );
  }
  // Without a kernel nobody gets them.
  return options.kernel === undefined ? { ...options, modules: [] } : options;
}
