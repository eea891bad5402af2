// What the file tree has beyond the archive: /dev/null, /dev/zero, /dev/random, /dev/urandom, /tmp.

import { bootTime } from "./clock";
import { copyLiteral } from "./text";
import {
  attach,
  KIND_NULL,
  KIND_RANDOM,
  KIND_ZERO,
  makeDirectories,
  Node,
  newNode,
  walkNode,
} from "./tree";

const text = memory.data(16);

function device(literal: string, kind: u32): bool {
  const node = newNode(kind, 0o666);
  if (node === null) return false;
  if (makeDirectories(text, copyLiteral(text, "dev"), 0o755, bootTime()) !== 0) return false;
  node.time = bootTime();
  return attach(walkNode as Node, node, text, copyLiteral(text, literal)) === 0;
}

/** Adds them. False when memory is out, or where the archive has something else by these names. */
export function populateTree(): bool {
  return (
    device("null", KIND_NULL) &&
    device("zero", KIND_ZERO) &&
    device("random", KIND_RANDOM) &&
    device("urandom", KIND_RANDOM) &&
    makeDirectories(text, copyLiteral(text, "tmp"), 0o1777, bootTime()) === 0
  );
}
