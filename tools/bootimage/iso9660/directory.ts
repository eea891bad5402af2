// Directories of a volume (ECMA-119, 6.8 and 9.1): their records, in the plain tree and in Joliet's.

import { BLOCK_BYTES } from "../parameters.ts";
import { RECORD_TIME, setBoth16, setBoth32, utf16 } from "./fields.ts";
import {
  attributesEntry,
  beginEntry,
  ContinuationArea,
  extensionEntry,
  nameEntries,
} from "./rock-ridge.ts";
import type { FileNode, FolderNode } from "./tree.ts";

const HEADER_BYTES = 33;
/** A record has an even length of one byte. */
const LONGEST_RECORD = 254;
const FLAG_DIRECTORY = 0x02;
/** The file goes on in the next record (level 3). */
const FLAG_MULTI_EXTENT = 0x80;
/** Most bytes in whole blocks that one record can tell of. */
const LARGEST_EXTENT = 0x1_0000_0000 - BLOCK_BYTES;

const ascii = new TextEncoder();

const SELF = Uint8Array.of(0);
const PARENT = Uint8Array.of(1);

/** Where a directory lies. */
export interface Extent {
  block: number;
  /** Whole blocks. */
  bytes: number;
}

/** What tells the two trees apart. */
export interface DirectoryTree {
  name(member: FolderNode | FileNode): string;
  /** Bytes of a name in a record. */
  identifier(name: string): Uint8Array;
  rockRidge: boolean;
}

export const PLAIN_TREE: DirectoryTree = {
  name: (member) => member.plainName,
  identifier: (name) => ascii.encode(name),
  rockRidge: true,
};

export const JOLIET_TREE: DirectoryTree = {
  name: (member) => member.jolietName,
  identifier: utf16,
  rockRidge: false,
};

interface RecordFields {
  identifier: Uint8Array;
  block: number;
  bytes: number;
  flags: number;
  systemUse: Uint8Array;
}

const headerBytes = (identifier: Uint8Array): number =>
  HEADER_BYTES + identifier.length + (identifier.length % 2 === 0 ? 1 : 0);

/** A directory record (9.1). */
export function directoryRecord(fields: RecordFields): Uint8Array {
  const { identifier, block, bytes, flags, systemUse } = fields;
  const header = headerBytes(identifier);
  const length = header + systemUse.length + (systemUse.length % 2);
  const record = new Uint8Array(length);
  const view = new DataView(record.buffer);
  view.setUint8(0, length);
  setBoth32(view, 2, block);
  setBoth32(view, 10, bytes);
  record.set(RECORD_TIME, 18);
  view.setUint8(25, flags);
  setBoth16(view, 28, 1);
  view.setUint8(32, identifier.length);
  record.set(identifier, HEADER_BYTES);
  record.set(systemUse, header);
  return record;
}

/** The record of the root in a volume descriptor. */
export function rootRecord({ block, bytes }: Extent): Uint8Array {
  return directoryRecord({
    identifier: SELF,
    block,
    bytes,
    flags: FLAG_DIRECTORY,
    systemUse: new Uint8Array(),
  });
}

/**
 * The order of names: that of their bytes, base before extension, the shorter as if filled up (9.3; Joliet likewise).
 */
function compareNames(a: string, b: string): number {
  const [left, right] = [partsOf(a), partsOf(b)];
  return compareUnits(left.base, right.base) || compareUnits(left.extension, right.extension);
}

function partsOf(name: string): { base: string; extension: string } {
  const dot = name.lastIndexOf(".");
  return dot < 0
    ? { base: name, extension: "" }
    : { base: name.slice(0, dot), extension: name.slice(dot + 1) };
}

function compareUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Folders of a folder in the order of a tree's names. */
export function sortedFolders(folder: FolderNode, tree: DirectoryTree): FolderNode[] {
  return [...folder.folders].sort((a, b) => compareNames(tree.name(a), tree.name(b)));
}

/** Where folders and files lie. */
export interface Places {
  folder(folder: FolderNode): Extent;
  file(node: FileNode): number;
}

export interface Directory {
  bytes: Uint8Array;
  /** Of `bytes`, how many belong to the directory; system use of its records goes on behind them. */
  extentBytes: number;
}

/** A directory's bytes, whole blocks. */
export function writeDirectory(folder: FolderNode, tree: DirectoryTree, places: Places): Directory {
  const own = places.folder(folder);
  const area = new ContinuationArea(own.block + own.bytes / BLOCK_BYTES, BLOCK_BYTES);
  const records = [...dots(folder, tree, places, area), ...members(folder, tree, places, area)];
  const starts: number[] = [];
  let end = 0;
  for (const { length } of records) {
    // A record does not reach over the end of a block (6.8.1.1).
    if ((end % BLOCK_BYTES) + length > BLOCK_BYTES) end += BLOCK_BYTES - (end % BLOCK_BYTES);
    starts.push(end);
    end += length;
  }
  const extentBytes = Math.ceil(end / BLOCK_BYTES) * BLOCK_BYTES;
  const bytes = new Uint8Array(extentBytes + area.bytes);
  for (const [index, record] of records.entries()) bytes.set(record, starts[index] as number);
  area.write(bytes.subarray(extentBytes));
  return { bytes, extentBytes };
}

/** The records of the folder itself and of the one that it is in. */
function dots(
  folder: FolderNode,
  tree: DirectoryTree,
  places: Places,
  area: ContinuationArea,
): Uint8Array[] {
  return [SELF, PARENT].map((identifier) => {
    const target = identifier === SELF ? folder : folder.parent;
    const isBeginning = identifier === SELF && folder === folder.parent;
    const attributes = folderAttributes(target);
    const entries = isBeginning ? [beginEntry(), attributes, extensionEntry()] : [attributes];
    return record(tree, area, identifier, entries, {
      ...places.folder(target),
      flags: FLAG_DIRECTORY,
    });
  });
}

function folderAttributes(folder: FolderNode): Uint8Array {
  return attributesEntry(true, 2 + folder.folders.length, folder.serial);
}

function members(
  folder: FolderNode,
  tree: DirectoryTree,
  places: Places,
  area: ContinuationArea,
): Uint8Array[] {
  const sorted = [...folder.folders, ...folder.files].sort((a, b) =>
    compareNames(tree.name(a), tree.name(b)),
  );
  return sorted.flatMap((member) => {
    if (!("file" in member)) {
      const identifier = tree.identifier(tree.name(member));
      const entries = [...nameEntries(member.name), folderAttributes(member)];
      return [
        record(tree, area, identifier, entries, {
          ...places.folder(member),
          flags: FLAG_DIRECTORY,
        }),
      ];
    }
    const identifier = tree.identifier(`${tree.name(member)};1`);
    const entries = [...nameEntries(member.name), attributesEntry(false, 1, member.serial)];
    return extentsOf(places.file(member), member.file.size).map((extent) =>
      record(tree, area, identifier, entries, extent),
    );
  });
}

function extentsOf(block: number, size: number): (Extent & { flags: number })[] {
  const extents: (Extent & { flags: number })[] = [];
  let at = 0;
  for (; size - at > LARGEST_EXTENT; at += LARGEST_EXTENT) {
    extents.push({
      block: block + at / BLOCK_BYTES,
      bytes: LARGEST_EXTENT,
      flags: FLAG_MULTI_EXTENT,
    });
  }
  extents.push({ block: block + at / BLOCK_BYTES, bytes: size - at, flags: 0 });
  return extents;
}

function record(
  tree: DirectoryTree,
  area: ContinuationArea,
  identifier: Uint8Array,
  entries: readonly Uint8Array[],
  { block, bytes, flags }: Extent & { flags: number },
): Uint8Array {
  const room = LONGEST_RECORD - headerBytes(identifier);
  const systemUse = tree.rockRidge ? area.divide(entries, room) : new Uint8Array();
  return directoryRecord({ identifier, block, bytes, flags, systemUse });
}
