// The tree of folders that paths make, with the names that each of the volume's trees gives their members.

import { BootImageError } from "../error.ts";
import { jolietNames, plainNames } from "./names.ts";

/** A file as the volume sees it. */
export interface IsoFile {
  /** From the root, `/` between folders. */
  path: string;
  /** Bytes. */
  size: number;
  /** Block where it lies; without one the layout gives it a place. */
  block?: number;
  /** Files of one place share their contents. */
  sameAs?: IsoFile;
}

interface Member {
  /** The true name. */
  name: string;
  plainName: string;
  jolietName: string;
  /** Unique number of the file or folder, from 1. */
  serial: number;
}

export interface FileNode extends Member {
  file: IsoFile;
}

export interface FolderNode extends Member {
  parent: FolderNode;
  folders: FolderNode[];
  files: FileNode[];
}

/** Bytes of a name in UTF-8, as file systems of POSIX have it. */
const LONGEST_NAME = 255;
/** A path table has 16 bits for a parent's number. */
const MOST_FOLDERS = 0xffff;

/** A path in an error: in one line, without what would upset a terminal. */
export function shownPath(path: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for
  const text = /^$|[\u0000-\u001f\u007f"\\]/.test(path) ? JSON.stringify(path) : path;
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}

/** Says what is wrong with a path; undefined for nothing. */
export function pathProblem(path: string): string | undefined {
  if (path.includes("\0")) return "a name has a NUL character";
  if (!isWellFormed(path)) return "a name is no Unicode text";
  for (const name of path.split("/")) {
    if (name === "") return path === "" ? "the path is empty" : "a name in the path is empty";
    if (name === "." || name === "..") return `${name} is no name for a file in an image`;
    const bytes = Buffer.byteLength(name);
    if (bytes > LONGEST_NAME) return `a name has ${bytes} bytes, more than ${LONGEST_NAME}`;
  }
  return undefined;
}

/** Whether a text has no half of a surrogate pair, which UTF-8 cannot hold. */
function isWellFormed(text: string): boolean {
  return !/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(text);
}

interface Draft {
  name: string;
  folders: Map<string, Draft>;
  files: Map<string, IsoFile>;
}

/** The tree of all files; members are sorted by their true names. Throws `BootImageError` for paths that make none. */
export function makeTree(files: readonly IsoFile[]): FolderNode {
  const draft = (name: string): Draft => ({ name, folders: new Map(), files: new Map() });
  const root = draft("");
  for (const file of files) {
    const problem = pathProblem(file.path);
    if (problem !== undefined) throw new BootImageError(`${shownPath(file.path)}: ${problem}`);
    const names = file.path.split("/");
    const last = names.pop() as string;
    let place = root;
    for (const name of names) {
      if (place.files.has(name)) throw twoKinds(file.path);
      const inner = place.folders.get(name) ?? draft(name);
      place.folders.set(name, inner);
      place = inner;
    }
    if (place.folders.has(last)) throw twoKinds(file.path);
    if (place.files.has(last)) {
      throw new BootImageError(`${shownPath(file.path)}: two files of the image have this path`);
    }
    place.files.set(last, file);
  }
  return new TreeBuilder().root(root);
}

function twoKinds(path: string): BootImageError {
  return new BootImageError(
    `${shownPath(path)}: the path or a part of it is both a file and a folder of the image`,
  );
}

/** The order of UTF-16 units: the same everywhere, whatever language the host speaks. */
function byName(a: { name: string }, b: { name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

class TreeBuilder {
  #serial = 0;
  #folders = 0;

  root(draft: Draft): FolderNode {
    const root = this.#folder(draft, undefined, "", "");
    // Folders are worked off in a list: a tree may be deeper than the stack.
    const open: [Draft, FolderNode][] = [[draft, root]];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const [from, node] = next;
      for (const inner of this.#fill(from, node)) open.push(inner);
    }
    return root;
  }

  #folder(draft: Draft, parent: FolderNode | undefined, plain: string, joliet: string): FolderNode {
    if (++this.#folders > MOST_FOLDERS) {
      throw new BootImageError(
        `the image has more than ${MOST_FOLDERS} folders, as many as ISO 9660 counts`,
      );
    }
    const node: FolderNode = {
      name: draft.name,
      plainName: plain,
      jolietName: joliet,
      serial: ++this.#serial,
      folders: [],
      files: [],
      parent: undefined as unknown as FolderNode,
    };
    node.parent = parent ?? node;
    return node;
  }

  #fill(draft: Draft, node: FolderNode): [Draft, FolderNode][] {
    const members = [
      ...[...draft.folders].map(([name, folder]) => ({ name, isFolder: true, folder })),
      ...[...draft.files].map(([name, file]) => ({ name, isFolder: false, file })),
    ].sort(byName);
    const plain = plainNames(members);
    const joliet = jolietNames(members);
    const inside: [Draft, FolderNode][] = [];
    for (const [index, member] of members.entries()) {
      const names = { plainName: plain[index] as string, jolietName: joliet[index] as string };
      if ("file" in member) {
        const { name, file } = member;
        node.files.push({ name, ...names, serial: ++this.#serial, file });
        continue;
      }
      const inner = this.#folder(member.folder, node, names.plainName, names.jolietName);
      node.folders.push(inner);
      inside.push([member.folder, inner]);
    }
    return inside;
  }
}
