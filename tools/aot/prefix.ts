// Names of source files in the output, as `-ffile-prefix-map=OLD=NEW` of C compilers changes them: so that the output
// does not depend on where the sources lie.

/** What a name that begins with `from` begins with instead. */
export interface PrefixMap {
  from: string;
  to: string;
}

/** Parses `OLD=NEW`; the last `=` divides, as OLD may have some. Throws Error where there is none. */
export function parsePrefixMap(text: string): PrefixMap {
  const at = text.lastIndexOf("=");
  if (at < 0) throw new Error(`"${text}" is not of the form OLD=NEW`);
  return { from: text.slice(0, at), to: text.slice(at + 1) };
}

/** The name that the last fitting one of `maps` makes of `file`. */
export function mapPrefix(maps: readonly PrefixMap[], file: string): string {
  const map = maps.filter(({ from }) => file.startsWith(from)).at(-1);
  return map ? map.to + file.slice(map.from.length) : file;
}
