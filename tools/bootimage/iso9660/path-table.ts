// Path tables of a volume (ECMA-119, 6.9 and 9.4): all folders with the numbers of those that they are in.

import { type DirectoryTree, type Extent, sortedFolders } from "./directory.ts";
import type { FolderNode } from "./tree.ts";

const HEADER_BYTES = 8;

/** All folders in the order of a path table (6.9.1): by depth, then the parent's number, then the name. */
export function pathTableOrder(root: FolderNode, tree: DirectoryTree): FolderNode[] {
  const folders = [root];
  // The list grows while it is gone through.
  for (const folder of folders)
    for (const inner of sortedFolders(folder, tree)) folders.push(inner);
  return folders;
}

/** A path table. `littleEndian` tells type L from type M. */
export function writePathTable(
  folders: readonly FolderNode[],
  tree: DirectoryTree,
  placeOf: (folder: FolderNode) => Extent,
  littleEndian: boolean,
): Uint8Array {
  const numbers = new Map(folders.map((folder, index) => [folder, index + 1]));
  const records = folders.map((folder) => {
    const isRoot = folder === folder.parent;
    const identifier = isRoot ? Uint8Array.of(0) : tree.identifier(tree.name(folder));
    const record = new Uint8Array(HEADER_BYTES + identifier.length + (identifier.length % 2));
    const view = new DataView(record.buffer);
    view.setUint8(0, identifier.length);
    view.setUint32(2, placeOf(folder).block, littleEndian);
    view.setUint16(6, numbers.get(folder.parent) as number, littleEndian);
    record.set(identifier, HEADER_BYTES);
    return record;
  });
  return Buffer.concat(records);
}
