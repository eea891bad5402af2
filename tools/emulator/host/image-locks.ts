// Who has an image open: one that writes it, or several that read it. Each holder has a file in one folder of the host,
// whose name says which file is meant (device and inode), which process holds it and how. Those of processes that are
// gone count for nothing and are removed by whoever finds them, so that nothing has to be tidied up after SIGKILL.
// QEMU's own locks are heeded where the system shows them (docs: QEMU's file-posix, bytes 100 and 200 of the file).

import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LoadError } from "../load-error.ts";

/** Where all users' processes look, whatever their TMPDIR says. */
const FOLDER =
  process.platform !== "win32" && existsSync("/tmp")
    ? "/tmp/.trihedron-images"
    : join(tmpdir(), "trihedron-images");

/** Which file it is, by whatever name. */
export interface FileIdentity {
  dev: bigint;
  ino: bigint;
}

const HOLDER = /^(\d+-\d+)\.([rw])\.(\d+)\.(\d+)\.\d+$/;
/** QEMU holds byte 100 + P where it has permission P, and 200 + P where it shares P with nobody; 1 is writing. */
const QEMU_WRITES = 101;
const QEMU_SHARES_NO_WRITING = 201;

const held = new Set<string>();
let made = 0;

function releaseAll(): void {
  for (const path of held) remove(path);
  held.clear();
}

function remove(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // Another user's, whose next process removes it.
  }
}

/** A process's state, and when it began, which tells it from another one of its number (proc(5)); nothing where the system does not say. */
function processOf(pid: number): { state: string; start: string } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { state: fields[0] ?? "", start: fields[19] ?? "0" };
  } catch {
    return undefined;
  }
}

const startOf = (pid: number): string => processOf(pid)?.start ?? "0";

function isAlive(pid: number, start: string): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
  }
  const now = processOf(pid);
  if (now === undefined) return true;
  // One that nobody has waited for has nothing open any more.
  return now.start === start && now.state !== "Z" && now.state !== "X";
}

/** Whether QEMU has a file in a way that does not go with how it is to be opened. */
function isQemus({ dev, ino }: FileIdentity, writes: boolean): boolean {
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn);
  const minor = (dev & 0xffn) | ((dev >> 12n) & 0xffffff00n);
  const hex = (n: bigint): string => n.toString(16).padStart(2, "0");
  const file = `${hex(major)}:${hex(minor)}:${ino}`;
  let locks: string;
  try {
    locks = readFileSync("/proc/locks", "latin1");
  } catch {
    return false;
  }
  return locks.split("\n").some((line) => {
    const [, kind, , , , where, first, last] = line.trim().split(/\s+/);
    if (kind !== "OFDLCK" || where !== file) return false;
    const covers = (byte: number): boolean => Number(first) <= byte && byte <= Number(last);
    return covers(QEMU_WRITES) || (writes && covers(QEMU_SHARES_NO_WRITING));
  });
}

/** Takes an image for writing or reading; what comes back gives it free. Throws `LoadError` where others have it. */
export function lockImage(name: string, identity: FileIdentity, writes: boolean): () => void {
  const busy = (): LoadError =>
    new LoadError(
      `disk ${name}: Failed to get ${writes ? "" : "shared "}"write" lock: is another process using the image, or another drive?`,
    );
  if (isQemus(identity, writes)) throw busy();
  const file = `${identity.dev}-${identity.ino}`;
  const kind = writes ? "w" : "r";
  const mine = `${file}.${kind}.${process.pid}.${startOf(process.pid)}.${made++}`;
  const path = join(FOLDER, mine);
  let holders: string[];
  try {
    if (!existsSync(FOLDER)) {
      mkdirSync(FOLDER, { recursive: true });
      chmodSync(FOLDER, 0o1777);
    }
    // Seen by others before the others are looked at: of two that come at once at least one sees the other.
    writeFileSync(path, "", { flag: "wx" });
    holders = readdirSync(FOLDER);
  } catch {
    // A host without a place for temporary files: nobody can be told.
    return () => {};
  }
  if (held.size === 0) process.once("exit", releaseAll);
  held.add(path);
  const release = (): void => {
    remove(path);
    held.delete(path);
    if (held.size === 0) process.off("exit", releaseAll);
  };
  for (const holder of holders) {
    const [, which, how, pid, start] = HOLDER.exec(holder) ?? [];
    if (which === undefined || holder === mine) continue;
    if (!isAlive(Number(pid), start as string)) remove(join(FOLDER, holder));
    else if (which === file && (how === "w" || writes)) {
      release();
      throw busy();
    }
  }
  return release;
}
