// Names of the two trees that a volume has beside the true names in Rock Ridge: the plain one (ECMA-119, 7.5 and
// 7.6, level 2: up to 30 capital letters, digits and underscores) and Joliet's (Joliet specification 1.0, up to 64
// UTF-16 units). What a tree cannot hold is changed, so that names stay different within their folder.

/** Characters of name and extension together, without the dot between them. */
const LONGEST_FILE = 30;
const LONGEST_EXTENSION = 8;
const LONGEST_FOLDER = 31;
/** UTF-16 units, the version of a file (`;1`) included. */
const LONGEST_JOLIET = 64;

/** A name in two parts, of which the first gives way to a number where two names meet. */
interface Parts {
  base: string;
  /** With the dot in front; with Joliet, empty where there is no dot. */
  extension: string;
}

interface Rules {
  /** A name as the tree can hold it. */
  parts(name: string, isFolder: boolean): Parts;
  /** Greatest length of base and extension. */
  longest(isFolder: boolean): number;
  /** What makes two names the same to the tree's readers. */
  key(name: string): string;
}

function splitAtDot(name: string): Parts {
  const dot = name.lastIndexOf(".");
  // A dot in front begins no extension.
  if (dot <= 0) return { base: name, extension: "" };
  return { base: name.slice(0, dot), extension: name.slice(dot) };
}

const plainLetters = (text: string): string => text.toUpperCase().replace(/[^A-Z0-9_]/gu, "_");

const PLAIN: Rules = {
  parts(name, isFolder) {
    if (isFolder) return { base: plainLetters(name), extension: "" };
    const { base, extension } = splitAtDot(name);
    const letters = plainLetters(extension.slice(1)).slice(0, LONGEST_EXTENSION);
    return { base: plainLetters(base), extension: `.${letters}` };
  },
  // The dot does not count.
  longest: (isFolder) => (isFolder ? LONGEST_FOLDER : LONGEST_FILE + 1),
  key: (name) => name,
};

// Who reads Joliet seldom tells small letters from capitals.
const JOLIET: Rules = {
  parts(name, isFolder) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what Joliet leaves out
    const letters = name.replace(/[\u0000-\u001f*/:;?\\]/g, "_");
    return isFolder ? { base: letters, extension: "" } : splitAtDot(letters);
  },
  longest: (isFolder) => (isFolder ? LONGEST_JOLIET : LONGEST_JOLIET - 2),
  key: (name) => name.toLowerCase(),
};

/** At most `units` of a text, never half of a surrogate pair. */
function cut(text: string, units: number): string {
  const short = text.slice(0, Math.max(0, units));
  return /[\ud800-\udbff]$/.test(short) ? short.slice(0, -1) : short;
}

function joined({ base, extension }: Parts, mark: string, longest: number): string {
  const tail = cut(extension, Math.floor(longest / 2));
  return cut(base, longest - tail.length - mark.length) + mark + tail;
}

/** A member of a folder. */
export interface NamedMember {
  name: string;
  isFolder: boolean;
}

/** A tree's names for a folder's members, in their order. Whoever can keep their name does. */
function assignNames(members: readonly NamedMember[], rules: Rules): string[] {
  const names = new Array<string>(members.length);
  const taken = new Set<string>();
  const changed: number[] = [];
  const plain = members.map(({ name, isFolder }) => {
    return joined(rules.parts(name, isFolder), "", rules.longest(isFolder));
  });
  for (const [index, { name }] of members.entries()) {
    const wanted = plain[index] as string;
    if ((wanted !== name && wanted !== `${name}.`) || taken.has(rules.key(wanted))) {
      changed.push(index);
      continue;
    }
    names[index] = wanted;
    taken.add(rules.key(wanted));
  }
  /** How far the numbers behind a base have come, so that many alike take no quadratic time. */
  const reached = new Map<string, number>();
  for (const index of changed) {
    const { name, isFolder } = members[index] as NamedMember;
    const parts = rules.parts(name, isFolder);
    let candidate = plain[index] as string;
    const first = candidate;
    let number = reached.get(first) ?? 0;
    while (taken.has(rules.key(candidate))) {
      number++;
      candidate = joined(parts, `_${number}`, rules.longest(isFolder));
    }
    reached.set(first, number);
    names[index] = candidate;
    taken.add(rules.key(candidate));
  }
  return names;
}

/** Names in the plain tree: `KERNEL.ELF32`, `A_B_1.TXT`, `README.`; without version. */
export function plainNames(members: readonly NamedMember[]): string[] {
  return assignNames(members, PLAIN);
}

/** Names in Joliet's tree, without version. */
export function jolietNames(members: readonly NamedMember[]): string[] {
  return assignNames(members, JOLIET);
}
