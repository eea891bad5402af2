// Extended attributes as a node keeps them: names with values, sorted by name. Who may do what with them is
// extended_attributes.ts.

import { allocate, create, destroy, release } from "./heap";
import { Node } from "./node";
import { bytesEqual, copyLiteral } from "./text";

@unmanaged
export class Attribute {
  next: Attribute | null;
  name: usize;
  /** Bytes of the name, 1 to 255. */
  nameLength: u32;
  /** Bytes of the value, at most 64 KiB; an empty one has no storage. */
  size: u32;
  value: usize;
}

/** The first attribute of `node`. */
export function firstAttribute(node: Node): Attribute | null {
  return changetype<Attribute | null>(node.attributes);
}

/** Below 0 where the first name comes before the second in a list, 0 where they are the same. */
function order(a: usize, aLength: u32, b: usize, bLength: u32): i32 {
  const common = memory.compare(a, b, min<u32>(aLength, bLength));
  return common !== 0 ? common : (aLength as i32) - (bLength as i32);
}

/** The attribute of that name, or null. */
export function attributeOf(node: Node, name: usize, length: u32): Attribute | null {
  let at = firstAttribute(node);
  while (at !== null) {
    if (bytesEqual(at.name, at.nameLength, name, length)) return at;
    at = at.next;
  }
  return null;
}

/** Makes the `size` bytes at `value`, from `allocate`, the value of `attribute`. */
export function setValue(attribute: Attribute, value: usize, size: u32): void {
  if (attribute.size !== 0) release(attribute.value, attribute.size);
  attribute.value = value;
  attribute.size = size;
}

/** Adds an attribute with an empty value; the name, which `node` has not, is copied. Null when memory is out. */
export function addAttribute(node: Node, name: usize, length: u32): Attribute | null {
  const copy = allocate(length);
  if (copy === 0) return null;
  const added = create<Attribute>();
  if (added === null) {
    release(copy, length);
    return null;
  }
  memory.copy(copy, name, length);
  added.name = copy;
  added.nameLength = length;
  let before: Attribute | null = null;
  let after = firstAttribute(node);
  while (after !== null && order(after.name, after.nameLength, name, length) < 0) {
    before = after;
    after = after.next;
  }
  added.next = after;
  if (before === null) node.attributes = changetype<usize>(added);
  else before.next = added;
  return added;
}

export function removeAttribute(node: Node, attribute: Attribute): void {
  const first = firstAttribute(node) as Attribute;
  if (first === attribute) {
    node.attributes = changetype<usize>(attribute.next);
  } else {
    let before = first;
    while (before.next !== attribute) before = before.next as Attribute;
    before.next = attribute.next;
  }
  setValue(attribute, 0, 0);
  release(attribute.name, attribute.nameLength);
  destroy<Attribute>(attribute);
}

/** The node goes, and its attributes with it. */
export function removeAttributes(node: Node): void {
  for (let at = firstAttribute(node); at !== null; at = firstAttribute(node)) {
    removeAttribute(node, at);
  }
}

const CAPABILITY = "security.capability";
const capabilityName = memory.data(32);

/** The capabilities that `node` gives who executes it (capabilities(7), "File capabilities"), or null. */
export function capabilityAttribute(node: Node): Attribute | null {
  if (node.attributes === 0) return null;
  return attributeOf(node, capabilityName, copyLiteral(capabilityName, CAPABILITY));
}

/** The contents or the owner of `node` change: it gives no capabilities any more. */
export function dropCapabilities(node: Node): void {
  const attribute = capabilityAttribute(node);
  if (attribute !== null) removeAttribute(node, attribute);
}
