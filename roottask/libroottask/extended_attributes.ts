// Extended attributes (xattr(7)): who may read and change which. What has a place in a file system of its own (regular
// files, directories, links, devices, FIFOs, names of sockets) may have them, what is computed has none. Checks come in
// the order of Linux 6.1 (fs/xattr.c, security/commoncap.c, mm/shmem.c); attributes of users are those of Linux 6.6 and
// later, which its tmpfs has had since. ACLs (system.posix_acl_…) are refused, as by a tmpfs that is built without them.

import {
  Attribute,
  addAttribute,
  attributeOf,
  firstAttribute,
  removeAttribute,
  setValue,
} from "./attribute_list";
import { CAP_SETFCAP, CAP_SYS_ADMIN, capable, MAY_READ, MAY_WRITE } from "./credentials";
import { EEXIST, EINVAL, ENODATA, ENOMEM, ENOSPC, EOPNOTSUPP, EPERM, ERANGE } from "./errno";
import { isFixed } from "./file_flags";
import { pagesForFiles } from "./file_system";
import { markChanged } from "./file_time";
import { orderFor } from "./pages";
import { owns, permit } from "./permission";
import { beginsWith, equalsLiteral } from "./text";
import { isComputed, KIND_DIRECTORY, KIND_FILE, KIND_LINK, Node } from "./tree";

/** Bytes of a value, and of all names of a node with their NULs, at most (include/uapi/linux/limits.h). */
export const ATTRIBUTE_MAX: u32 = 65536;
/** Flags of setxattr(2): the attribute is not there yet; it is there. */
export const XATTR_CREATE: u32 = 1;
export const XATTR_REPLACE: u32 = 2;

const S_ISVTX: u32 = 0o1000;

/** Sizes and revisions of capabilities of files, with and without the user they are for (include/uapi/linux/capability.h). */
const CAPS_PLAIN: u32 = 20;
const CAPS_FOR_ROOT: u32 = 24;
const REVISION_2: u32 = 0x0200_0000;
const REVISION_3: u32 = 0x0300_0000;
const FLAG_EFFECTIVE: u32 = 1;

function isCapability(name: usize, length: u32): bool {
  return equalsLiteral(name, length, "security.capability");
}

/** The value is one that Linux takes for capabilities of a file. */
function isCapabilitySet(value: usize, size: u32): bool {
  if (size !== CAPS_PLAIN && size !== CAPS_FOR_ROOT) return false;
  const revision = load<u32>(value) & ~FLAG_EFFECTIVE;
  return revision === (size === CAPS_PLAIN ? REVISION_2 : REVISION_3);
}

/** The attribute of `node` may be read or changed, MAY_READ or MAY_WRITE. Returns 0 or a negative error. */
function permitAttribute(node: Node, name: usize, length: u32, wanted: u32): i64 {
  if (wanted === MAY_WRITE && isFixed(node)) return -EPERM;
  if (beginsWith(name, length, "security.") || beginsWith(name, length, "system.")) return 0;
  const refused: i64 = wanted === MAY_WRITE ? -EPERM : -ENODATA;
  if (beginsWith(name, length, "trusted.")) return capable(CAP_SYS_ADMIN) ? 0 : refused;
  if (beginsWith(name, length, "user.")) {
    if (node.kind !== KIND_FILE && node.kind !== KIND_DIRECTORY) return refused;
    const sticky = node.kind === KIND_DIRECTORY && (node.mode & S_ISVTX) !== 0;
    if (sticky && wanted === MAY_WRITE && !owns(node)) return -EPERM;
  }
  return permit(node, wanted);
}

/** What is to be in the way of changing attributes that the system trusts. Returns 0 or -EPERM. */
function permitSecurity(name: usize, length: u32): i64 {
  if (!beginsWith(name, length, "security.")) return 0;
  return capable(CAP_SYS_ADMIN) ? 0 : -EPERM;
}

/** `node` has attributes of that name's kind: 0, -EOPNOTSUPP, or -EINVAL where the name is a kind alone. */
function checkKind(node: Node, name: usize, length: u32): i64 {
  const kind = node.kind;
  const stays = kind === KIND_FILE || kind === KIND_DIRECTORY || kind === KIND_LINK;
  if (isComputed(node) || (!stays && node.names === null)) return -EOPNOTSUPP;
  let prefix: u32 = 0;
  if (beginsWith(name, length, "user.")) prefix = 5;
  else if (beginsWith(name, length, "trusted.")) prefix = 8;
  else if (beginsWith(name, length, "security.")) prefix = 9;
  if (prefix === 0) return -EOPNOTSUPP;
  return length === prefix ? -EINVAL : 0;
}

/** There is room for an attribute of that size: files leave a share of memory to programs. */
function hasRoom(size: u32): bool {
  return pagesForFiles() > (2 as u32) << orderFor(size);
}

/**
 * Sets an attribute of `node` to the `size` bytes at `value`, storage from the heap that is the attribute's then. Returns
 * 0 or a negative error, and the storage is still the caller's.
 */
export function setAttribute(
  node: Node,
  name: usize,
  length: u32,
  value: usize,
  size: u32,
  flags: u32,
): i64 {
  const capabilities = isCapability(name, length);
  if (capabilities && size !== 0) {
    if (!isCapabilitySet(value, size)) return -EINVAL;
    if (!capable(CAP_SETFCAP)) return -EPERM;
  }
  let error = permitAttribute(node, name, length, MAY_WRITE);
  if (error === 0 && !capabilities) error = permitSecurity(name, length);
  if (error === 0) error = checkKind(node, name, length);
  if (error !== 0) return error;
  if (!hasRoom(size)) return -ENOSPC;
  let attribute = attributeOf(node, name, length);
  if (attribute !== null && (flags & XATTR_CREATE) !== 0) return -EEXIST;
  if (attribute === null) {
    if ((flags & XATTR_REPLACE) !== 0) return -ENODATA;
    attribute = addAttribute(node, name, length);
    if (attribute === null) return -ENOMEM;
  }
  setValue(attribute, value, size);
  markChanged(node);
  return 0;
}

/** Takes an attribute of `node` away. Returns 0 or a negative error. */
export function dropAttribute(node: Node, name: usize, length: u32): i64 {
  let error = permitAttribute(node, name, length, MAY_WRITE);
  if (error === 0 && isCapability(name, length)) error = capable(CAP_SETFCAP) ? 0 : -EPERM;
  else if (error === 0) error = permitSecurity(name, length);
  if (error === 0) error = checkKind(node, name, length);
  if (error !== 0) return error;
  const attribute = attributeOf(node, name, length);
  if (attribute === null) return -ENODATA;
  removeAttribute(node, attribute);
  markChanged(node);
  return 0;
}

/** The value that the last `readAttribute` found. */
export let foundValue: usize = 0;

const plain = memory.data(24);

/** Capabilities for the root of the only user namespace are shown without it. Returns the size. */
function showCapabilities(attribute: Attribute): u32 {
  if (attribute.size !== CAPS_FOR_ROOT || load<u32>(attribute.value + CAPS_PLAIN) !== 0) {
    return attribute.size;
  }
  memory.copy(plain, attribute.value, CAPS_PLAIN);
  store<u32>(plain, (load<u32>(plain) & FLAG_EFFECTIVE) | REVISION_2);
  foundValue = plain;
  return CAPS_PLAIN;
}

/** Finds the value of an attribute of `node`: its size, or a negative error. */
export function readAttribute(node: Node, name: usize, length: u32): i64 {
  let error = permitAttribute(node, name, length, MAY_READ);
  if (error === 0) error = checkKind(node, name, length);
  if (error !== 0) return error;
  const attribute = attributeOf(node, name, length);
  if (attribute === null) return -ENODATA;
  foundValue = attribute.value;
  const size = isCapability(name, length) ? showCapabilities(attribute) : attribute.size;
  return size as i64;
}

/**
 * Writes the names of the attributes of `node`, each with a NUL, to `target`, which has room for `room` bytes; 0 for
 * `target` asks for the size alone. Returns their bytes, or -ERANGE.
 */
export function listAttributes(node: Node, target: usize, room: u32): i64 {
  const all = capable(CAP_SYS_ADMIN);
  let done: u64 = 0;
  let at = firstAttribute(node);
  while (at !== null) {
    const hidden = !all && beginsWith(at.name, at.nameLength, "trusted.");
    const bytes = hidden ? (0 as u64) : ((at.nameLength + 1) as u64);
    if (target !== 0 && !hidden) {
      if (done + bytes > (room as u64)) return -ERANGE;
      const to = target + (done as usize);
      memory.copy(to, at.name, at.nameLength);
      store<u8>(to + at.nameLength, 0);
    }
    done += bytes;
    at = at.next;
  }
  return done as i64;
}
