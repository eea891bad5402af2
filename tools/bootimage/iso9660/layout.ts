// The layout of a volume: where path tables, directories and files lie, and the bytes of all but the files.

import { BootImageError } from "../error.ts";
import { BLOCK_BYTES } from "../parameters.ts";
import {
  type DirectoryTree,
  type Extent,
  JOLIET_TREE,
  PLAIN_TREE,
  type Places,
  writeDirectory,
} from "./directory.ts";
import { pathTableOrder, writePathTable } from "./path-table.ts";
import { type FileNode, type FolderNode, type IsoFile, makeTree } from "./tree.ts";
import type { TreePlaces } from "./volume.ts";

export interface IsoLayout {
  plain: TreePlaces;
  joliet: TreePlaces;
  /** Path tables and directories, whole blocks from the given one on. */
  directories: Uint8Array;
  /** Where each file begins. */
  blocks: ReadonlyMap<IsoFile, number>;
  /** The first block behind all of it. */
  end: number;
}

/** Blocks are numbers of 32 bits. */
const MOST_BLOCKS = 0xffff_ffff;

export const blocksOf = (bytes: number): number => Math.ceil(bytes / BLOCK_BYTES);

/** Files without a place come behind the directories, in the given order. Throws `BootImageError`. */
export function layOutVolume(files: readonly IsoFile[], firstBlock: number): IsoLayout {
  const root = makeTree(files);
  const trees = [new TreeLayout(root, PLAIN_TREE), new TreeLayout(root, JOLIET_TREE)] as const;
  let next = firstBlock;
  for (const tree of trees) next = tree.placeTables(next);
  for (const tree of trees) next = tree.placeDirectories(next);
  const filesBegin = next;
  const blocks = new Map<IsoFile, number>();
  for (const file of files) {
    if (file.sameAs !== undefined) continue;
    blocks.set(file, file.block ?? next);
    if (file.block === undefined) next += blocksOf(file.size);
    if (next > MOST_BLOCKS) {
      throw new BootImageError(
        `${file.path}: the image gets larger than the 8 TiB that ISO 9660 counts`,
      );
    }
  }
  for (const file of files) {
    if (file.sameAs !== undefined) blocks.set(file, blocks.get(file.sameAs) as number);
  }
  const directories = new Uint8Array((filesBegin - firstBlock) * BLOCK_BYTES);
  const put = (block: number, bytes: Uint8Array): void => {
    directories.set(bytes, (block - firstBlock) * BLOCK_BYTES);
  };
  for (const tree of trees) tree.write(put, (node) => blocks.get(node.file) as number);
  const [plain, joliet] = trees.map((tree) => tree.places()) as [TreePlaces, TreePlaces];
  return { plain, joliet, directories, blocks, end: next };
}

/** One of the two trees of directories. */
class TreeLayout {
  readonly #tree: DirectoryTree;
  readonly #folders: readonly FolderNode[];
  readonly #extents = new Map<FolderNode, Extent>();
  #tableBytes = 0;
  #tableL = 0;
  #tableM = 0;

  constructor(root: FolderNode, tree: DirectoryTree) {
    this.#tree = tree;
    this.#folders = pathTableOrder(root, tree);
  }

  placeTables(block: number): number {
    const nowhere = (): Extent => ({ block: 0, bytes: 0 });
    this.#tableBytes = writePathTable(this.#folders, this.#tree, nowhere, true).length;
    this.#tableL = block;
    this.#tableM = block + blocksOf(this.#tableBytes);
    return this.#tableM + blocksOf(this.#tableBytes);
  }

  /** Sizes of directories do not depend on places: they are written once for the sizes alone. */
  placeDirectories(first: number): number {
    let block = first;
    const nowhere: Places = { folder: () => ({ block: 0, bytes: 0 }), file: () => 0 };
    for (const folder of this.#folders) {
      const { bytes, extentBytes } = writeDirectory(folder, this.#tree, nowhere);
      if (extentBytes > 0xffff_ffff) {
        throw new BootImageError(`${folder.name}: has too many files for one folder`);
      }
      this.#extents.set(folder, { block, bytes: extentBytes });
      block += blocksOf(bytes.length);
    }
    return block;
  }

  places(): TreePlaces {
    return {
      root: this.#extentOf(this.#folders[0] as FolderNode),
      pathTableBytes: this.#tableBytes,
      pathTableL: this.#tableL,
      pathTableM: this.#tableM,
    };
  }

  write(
    put: (block: number, bytes: Uint8Array) => void,
    blockOf: (node: FileNode) => number,
  ): void {
    const folder = (node: FolderNode): Extent => this.#extentOf(node);
    for (const littleEndian of [true, false]) {
      const table = writePathTable(this.#folders, this.#tree, folder, littleEndian);
      put(littleEndian ? this.#tableL : this.#tableM, table);
    }
    for (const node of this.#folders) {
      const { bytes } = writeDirectory(node, this.#tree, { folder, file: blockOf });
      put(folder(node).block, bytes);
    }
  }

  #extentOf(folder: FolderNode): Extent {
    return this.#extents.get(folder) as Extent;
  }
}
