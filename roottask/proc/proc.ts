// /proc, and the links of /dev that lead there.

import { addDeviceLink, directoryNamed } from "../libroottask/devices";
import { TYPE_PROC } from "../libroottask/file_system";
import { MS_RELATIME, newMount } from "../libroottask/mount";
import { mountTree, nameSource } from "../libroottask/mount_tree";
import { copyLiteral } from "../libroottask/text";
import { Node, newFileSystem, rootMount } from "../libroottask/tree";
import { fillProc } from "./nodes";

const text = memory.data(16);

/** Mounts a file system of what is computed on `directory`. False when memory is out. */
function mountProc(directory: Node): bool {
  const system = newFileSystem(TYPE_PROC, 0o555);
  if (system === null || !fillProc(system.root)) return false;
  const mount = newMount(system, system.root, MS_RELATIME);
  if (mount === null || !nameSource(mount, text, copyLiteral(text, "proc"))) return false;
  return mountTree(mount, rootMount(), directory, null) === 0;
}

/** Adds them. False when memory is out. */
export function addProc(): bool {
  const directory = directoryNamed("proc", 0o555);
  return (
    directory !== null &&
    mountProc(directory) &&
    addDeviceLink("fd", "/proc/self/fd") &&
    addDeviceLink("stdin", "/proc/self/fd/0") &&
    addDeviceLink("stdout", "/proc/self/fd/1") &&
    addDeviceLink("stderr", "/proc/self/fd/2")
  );
}
