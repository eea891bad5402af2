// What links in /proc/PID/ns are: the kind of a namespace and its number, as namespaces(7) has it.

import { Node } from "../libroottask/tree";
import { nameOfKind } from "../linux/namespaces/files";
import { byte, number, text } from "./writer";

/** Writes what a link to `node`, the file of a namespace, is. */
export function namespaceText(node: Node): void {
  text(nameOfKind(node));
  text(":[");
  number(node.inode as u64);
  byte(93);
}
