// Seals of files: what nobody may do with one any more (fcntl(2), "File sealing"; include/uapi/linux/fcntl.h). Only
// those of memfd_create(2) can get any; every other file has the one that forbids more.

import { MEM_W } from "../libhedron/abi";
import { firstMapping } from "./areas";
import { EBUSY, EINVAL, EPERM } from "./errno";
import { F_SEAL_SEAL, Node } from "./node";

export const F_SEAL_SHRINK: u32 = 2;
export const F_SEAL_GROW: u32 = 4;
const F_SEAL_WRITE: u32 = 8;
const F_SEAL_FUTURE_WRITE: u32 = 16;
export const F_SEAL_EXEC: u32 = 32;
const F_ALL_SEALS: u32 = 63;
/** What the seal of an executable's mode brings with it. */
const WITH_EXEC: u32 = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
const EXECUTABLE: u32 = 0o111;

/** Contents can no more be changed, by mappings made before at most. */
export function isWriteSealed(node: Node): bool {
  return (node.seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) !== 0;
}

/** Some mapping may write to the file, now or after mprotect(2). */
function hasWriters(node: Node): bool {
  let area = firstMapping(node);
  while (area !== null) {
    if (area.shared !== 0 && (area.denied & MEM_W) === 0) return true;
    area = area.nextOfNode;
  }
  return false;
}

/** F_ADD_SEALS on a file with contents. Returns 0, -EINVAL, -EPERM or -EBUSY. */
export function addSeals(node: Node, wanted: u32): i64 {
  if ((wanted & ~F_ALL_SEALS) !== 0) return -EINVAL;
  if ((node.seals & F_SEAL_SEAL) !== 0) return -EPERM;
  let seals = wanted;
  if ((seals & F_SEAL_EXEC) !== 0 && (node.mode & EXECUTABLE) !== 0) seals |= WITH_EXEC;
  const adding = seals & ~node.seals;
  if ((adding & F_SEAL_WRITE) !== 0 && hasWriters(node)) return -EBUSY;
  node.seals |= seals;
  return 0;
}
