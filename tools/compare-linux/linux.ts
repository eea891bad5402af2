// Programs on this Linux, in a clean root: a folder of a tmpfs that has the files of the archive and nothing else, entered
// by chroot(2), in a user namespace of its own where the caller is not root.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { constants, setPriority, tmpdir } from "node:os";
import { join } from "node:path";
import { isLinux } from "../testing/host-tools.ts";
import { archiveOf } from "./file-tree.ts";
import { ADDED_BY_ROOTTASK, ENVIRONMENT, type Outcome, type Program } from "./program.ts";

/** Milliseconds of the host after which a program is taken to hang. */
const PATIENCE = 30_000;
const DEVICES = { null: 3, zero: 5, random: 8, urandom: 9 } as const;

/** Shows the host's processes in the root given by its first argument, and keeps the namespace until its input ends. */
const WITH_PROCESSES = `mount --rbind /proc "$0/proc" 2>/dev/null; echo; exec cat >/dev/null`;
/** The same, and the host's devices, which only root can make. */
const IN_NAMESPACE = `for d in ${Object.keys(DEVICES).join(" ")}; do mount --bind /dev/$d "$0/dev/$d" || exit 125; done
${WITH_PROCESSES}`;
/** Links in /dev to a program's own streams. */
const STREAMS = { fd: "", stdin: "/0", stdout: "/1", stderr: "/2" } as const;
/** Descriptors and mask as the roottask gives them; the shell gives way to the rest. */
const LIMITED = 'umask 022; ulimit -S -n 1024; exec "$0" "$@"';

/** Path of a program of the host; those of administrators need not be on its PATH. */
function pathOf(program: string): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(":"), "/usr/sbin", "/sbin"];
  return folders.map((folder) => join(folder, program)).find(existsSync);
}

const isRoot = process.getuid?.() === 0;

/** A root that programs can enter. */
interface CleanRoot {
  /** What stands in front of a command. */
  entering: readonly string[];
  leave(): void;
}

/** How roots are entered here; undefined where no clean root can be had. */
function wayIn(): ((root: string) => Promise<CleanRoot>) | undefined {
  const [chroot, unshare, nsenter, env] = ["chroot", "unshare", "nsenter", "env"].map(pathOf);
  if (!isLinux || !chroot || !env || (!isRoot && !unshare)) return undefined;
  const works = ([program = "", ...words]: string[]) =>
    spawnSync(program, words, { stdio: "ignore" }).status === 0;
  if (isRoot && !works([chroot, "/", "/bin/true"])) return undefined;
  const own = [...(isRoot ? [] : ["-r"]), "-m"];
  const hasNamespace = nsenter !== undefined && works([unshare ?? "", ...own, "true"]);
  if (!isRoot && !hasNamespace) return undefined;
  const variables = Object.entries({ ...ENVIRONMENT, ...ADDED_BY_ROOTTASK });
  const limited = ["/bin/sh", "-c", LIMITED];
  const inside = [env, "-i", ...variables.map(([name, value]) => `${name}=${value}`), chroot];
  return async (root) => {
    if (!hasNamespace) return { entering: [...limited, ...inside, root], leave: () => {} };
    const script = isRoot ? WITH_PROCESSES : IN_NAMESPACE;
    const holder = spawn(unshare ?? "", [...own, "/bin/sh", "-c", script, root], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const [ready] = await Promise.race([once(holder.stdout, "data"), once(holder, "exit")]);
    if (!(ready instanceof Buffer)) throw new Error("no namespace for a clean root");
    // Nothing here waits for a child: a program's children would be said to have used its time.
    const users = isRoot ? [] : ["-U", "--preserve-credentials"];
    const enter = [nsenter, "-t", `${holder.pid}`, ...users, "-m"];
    return { entering: [...limited, ...enter, ...inside, root], leave: () => holder.stdin.end() };
  };
}

/** How a clean root is entered here, if at all. */
export const enterRoot = wayIn();

function makeDevices(root: string): void {
  mkdirSync(join(root, "proc"));
  mkdirSync(join(root, "dev"));
  mkdirSync(join(root, "dev/shm"));
  chmodSync(join(root, "dev/shm"), 0o1777);
  for (const [name, rest] of Object.entries(STREAMS))
    symlinkSync(`/proc/self/fd${rest}`, join(root, "dev", name));
  for (const [name, minor] of Object.entries(DEVICES)) {
    const path = join(root, "dev", name);
    if (isRoot) {
      spawnSync("mknod", ["-m", "666", path, "c", "1", `${minor}`]);
    } else writeFileSync(path, "");
  }
}

function pipeAt(path: string): string {
  if (!existsSync(path)) spawnSync("mkfifo", [path]);
  return path;
}

/** The reading end of a pipe whose writers are gone. */
function emptyPipe(path: string): number {
  const both = openSync(pipeAt(path), "r+");
  const reader = openSync(path, "r");
  closeSync(both);
  return reader;
}

/** Less than the descriptor at which bash keeps its script or terminal, and more than tables of half the size have room for. */
const OF_A_SHELL = 128;

/** Opens descriptors as far as shells do: tables of children have room for 256 then, as the roottask's. */
function openAsFarAsShells(): number[] {
  const open: number[] = [];
  do open.push(openSync("/dev/null", "r"));
  while ((open.at(-1) as number) < OF_A_SHELL);
  return open;
}

/** Runs a command; its outputs go to one pipe that somebody reads, its input is empty. */
async function run(scratch: string, [program = "", ...words]: readonly string[]): Promise<Outcome> {
  const pipe = pipeAt(join(scratch, "output"));
  const reader = spawn("cat", [pipe], { stdio: ["ignore", "pipe", "ignore"] });
  const chunks: Buffer[] = [];
  reader.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  const read = once(reader, "close");
  const output = openSync(pipe, "w");
  const input = emptyPipe(join(scratch, "input"));
  // A session of its own: no terminal, and all of it can be ended.
  const child = spawn(program, words, {
    detached: true,
    cwd: "/",
    stdio: [input, output, output],
  });
  closeSync(input);
  closeSync(output);
  const endAll = () => {
    try {
      process.kill(-(child.pid as number), "SIGKILL");
    } catch {
      // Nobody of the session is left.
    }
  };
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    endAll();
  }, PATIENCE);
  const [status, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  await Promise.race([read, new Promise((done) => setTimeout(done, 2000))]);
  endAll();
  await read;
  clearTimeout(timer);
  const text = Buffer.concat(chunks).toString("latin1");
  if (late) return { text, end: "no end: time is up" };
  const number = signal === null ? undefined : constants.signals[signal];
  return { text, end: number ? `killed by signal ${number}` : `exit status ${status}` };
}

/** Programs tell how nice they are: as nice as the roottask's, where that may be. */
function beUsuallyNice(): void {
  try {
    setPriority(0);
  } catch {
    // Only root may become less nice.
  }
}

/** Runs programs one after the other in one root. */
export async function runOnLinux(programs: readonly Program[]): Promise<Outcome[]> {
  beUsuallyNice();
  const scratch = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "compare-"));
  let clean: CleanRoot | undefined;
  const opened = openAsFarAsShells();
  try {
    const root = join(scratch, "root");
    mkdirSync(root);
    const archive = join(scratch, "archive.tar");
    writeFileSync(archive, await archiveOf(programs, ""));
    const tar = spawnSync("tar", ["--delay-directory-restore", "-xpf", archive, "-C", root]);
    if (tar.status !== 0) throw new Error(`tar: ${tar.stderr}`);
    makeDevices(root);
    clean = await enterRoot?.(root);
    const outcomes: Outcome[] = [];
    for (const { command } of programs) {
      const temporary = join(root, "tmp");
      rmSync(temporary, { recursive: true, force: true });
      mkdirSync(temporary);
      chmodSync(temporary, 0o1777);
      outcomes.push(await run(scratch, [...(clean?.entering ?? []), ...command]));
    }
    return outcomes;
  } finally {
    for (const each of opened) closeSync(each);
    clean?.leave();
    rmSync(scratch, { recursive: true, force: true });
  }
}
