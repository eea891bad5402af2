// What is run on Linux and in the guest: a command with the files that it needs, and how such a run went.

/** An entry of the file tree; parents are made as they are needed. */
export interface TreeFile {
  /** Path from the root, without a slash in front. */
  name: string;
  type?: "file" | "symlink";
  linkname?: string;
  mode?: number;
  data?: Uint8Array | string;
}

export interface Program {
  /** The folder it is from: results are counted by it. */
  class: string;
  /** Unique in its class. */
  name: string;
  /** Path from the root, and arguments. */
  command: readonly string[];
  /** Its own files, besides those that all programs have. */
  files: readonly TreeFile[];
  /** The right answer, where it is known; otherwise it is what Linux gives. */
  answer?: Outcome;
}

export interface Outcome {
  /** Both outputs in the order in which they were written, as Latin-1 characters. */
  text: string;
  /** "exit status 3", "killed by signal 9", or why there was no end. */
  end: string;
}

/** The environment of all programs, and what the roottask adds to it. */
export const ENVIRONMENT = { PATH: "/bin", HOME: "/tmp" } as const;
export const ADDED_BY_ROOTTASK = { LINUX_UNDER_HEDRON: "true" } as const;

/** Makes /tmp anew, which all programs share. */
export const CLEANERS = [
  ["bin/busybox", "rm", "-rf", "/tmp"],
  ["bin/busybox", "mkdir", "-m", "1777", "/tmp"],
] as const;

/** Shows a program as it is named in lists. */
export function fullName(program: Program): string {
  return `${program.class}/${program.name}`;
}
