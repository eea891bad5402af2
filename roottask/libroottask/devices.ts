// What the file tree has beyond the archive: /dev/null, /dev/zero, /dev/full, /dev/random, /dev/urandom, /tmp. What the
// archive has in their place makes room, but a directory that has entries stays.

import {
  DEVICE_FULL,
  DEVICE_NULL,
  DEVICE_RANDOM,
  DEVICE_URANDOM,
  DEVICE_ZERO,
} from "./character_devices";
import { bootTime } from "./clock";
import { operationsOfDevice, registerDevice } from "./device_numbers";
import { allocate } from "./heap";
import { note } from "./tar_log";
import { copyLiteral } from "./text";
import {
  attach,
  detach,
  dispose,
  entryOf,
  KIND_DEVICE,
  KIND_DIRECTORY,
  KIND_LINK,
  Node,
  newNode,
  root,
  rootMount,
  setTime,
  walk,
  walkDirectory,
  walkNode,
} from "./tree";

const text = memory.data(32);

/** Puts `node` into `directory` by the name in `text`. False when memory is out. */
function put(directory: Node, node: Node, length: u32): bool {
  setTime(node, bootTime(), 0);
  const present = entryOf(directory, text, length);
  if (present !== null) {
    if (present.node.entries !== null) {
      note(text, length, "a directory with entries is where the system's own file would be");
      dispose(node);
      return true;
    }
    note(text, length, "replaced by the system's own");
  }
  if (attach(directory, node, text, length) !== 0) return false;
  if (present !== null) detach(present);
  return true;
}

/** The directory at that path, whose own directory is there, made where there is none; null when memory is out. */
export function directoryNamed(literal: string, mode: u32): Node | null {
  const length = copyLiteral(text, literal);
  if (walk(rootMount(), root(), text, length, true) !== 0) return null;
  const found = walkNode;
  if (found !== null && found.kind === KIND_DIRECTORY) return found;
  const parent = walkDirectory as Node;
  const node = newNode(KIND_DIRECTORY, mode);
  let start = length;
  while (start > 0 && load<u8>(text + start - 1) !== 47) start--;
  memory.copy(text, text + start, length - start);
  return node !== null && put(parent, node, length - start) ? node : null;
}

function device(directory: Node, literal: string, number: u32): bool {
  const node = newNode(KIND_DEVICE, 0o666);
  if (node === null) return false;
  node.device = number;
  node.operations = operationsOfDevice(number);
  return put(directory, node, copyLiteral(text, literal));
}

/** Adds a character device to /dev, with the operations of its kind. False when memory is out. */
export function addDevice(literal: string, number: u32, mode: u32, operations: usize): bool {
  const directory = directoryNamed("dev", 0o755);
  const node = newNode(KIND_DEVICE, mode);
  if (directory === null || node === null) return false;
  node.device = number;
  node.operations = operations;
  registerDevice(number, operations);
  return put(directory, node, copyLiteral(text, literal));
}

/** Adds a symbolic link to /dev. False when memory is out. */
export function addDeviceLink(literal: string, target: string): bool {
  const directory = directoryNamed("dev", 0o755);
  const node = newNode(KIND_LINK, 0o777);
  if (directory === null || node === null) return false;
  const length = target.length as u32;
  node.data = allocate(length);
  if (node.data === 0) return false;
  node.capacity = length;
  node.size = copyLiteral(node.data, target);
  return put(directory, node, copyLiteral(text, literal));
}

/** Adds them. False when memory is out. */
export function populateTree(): bool {
  const devices = directoryNamed("dev", 0o755);
  return (
    devices !== null &&
    device(devices, "null", DEVICE_NULL) &&
    device(devices, "zero", DEVICE_ZERO) &&
    device(devices, "full", DEVICE_FULL) &&
    device(devices, "random", DEVICE_RANDOM) &&
    device(devices, "urandom", DEVICE_URANDOM) &&
    directoryNamed("dev/shm", 0o1777) !== null &&
    directoryNamed("tmp", 0o1777) !== null
  );
}
