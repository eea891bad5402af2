// Making the nodes of /proc.

import { copyLiteral } from "../libroottask/text";
import { attach, dispose, KIND_DIRECTORY, Node, newNode } from "../libroottask/tree";

/** The name of the node that is made next. */
export const name = memory.data(64);

/** Puts a new node of `kind` by the `length` bytes in `name` into `directory`; null when memory is out. */
export function addNode(
  directory: Node,
  length: u32,
  kind: u32,
  mode: u32,
  object: usize,
): Node | null {
  const node = newNode(kind, mode);
  if (node === null) return null;
  node.object = object;
  node.owner = directory.owner;
  node.group = directory.group;
  node.time = directory.time;
  node.accessTime = directory.time;
  node.changeTime = directory.time;
  if (attach(directory, node, name, length) === 0) return node;
  dispose(node);
  return null;
}

function nothingNew(_node: Node): void {}

/** A directory by that name in `directory` that stays as it is; `directory` itself when memory is out. */
export function fixed(directory: Node, literal: string): Node {
  const node = addNode(directory, copyLiteral(name, literal), KIND_DIRECTORY, 0o555, 0);
  if (node === null) return directory;
  // Nobody makes files where nodes have this.
  node.refresh = changetype<usize>(nothingNew);
  return node;
}
