// Programs for WASI written as lists of calls: each prints what it returned, and memory that is to be looked at.

import { I32, I64, type ValType } from "../../../wasm/types.ts";
import { type Bytes, buildModule, i32Const, i64Const, uleb } from "../../../wasm/writer.ts";

/** Parameters by letter, i (i32) and l (i64); all but proc_exit return an i32. */
export const SIGNATURES: Readonly<Record<string, string>> = {
  args_get: "ii",
  args_sizes_get: "ii",
  clock_res_get: "ii",
  clock_time_get: "ili",
  environ_get: "ii",
  environ_sizes_get: "ii",
  fd_advise: "illi",
  fd_allocate: "ill",
  fd_close: "i",
  fd_datasync: "i",
  fd_fdstat_get: "ii",
  fd_fdstat_set_flags: "ii",
  fd_fdstat_set_rights: "ill",
  fd_filestat_get: "ii",
  fd_filestat_set_size: "il",
  fd_filestat_set_times: "illi",
  fd_pread: "iiili",
  fd_prestat_dir_name: "iii",
  fd_prestat_get: "ii",
  fd_pwrite: "iiili",
  fd_read: "iiii",
  fd_readdir: "iiili",
  fd_renumber: "ii",
  fd_seek: "ilii",
  fd_sync: "i",
  fd_tell: "ii",
  fd_write: "iiii",
  path_create_directory: "iii",
  path_filestat_get: "iiiii",
  path_filestat_set_times: "iiiilli",
  path_link: "iiiiiii",
  path_open: "iiiiillii",
  path_readlink: "iiiiii",
  path_remove_directory: "iii",
  path_rename: "iiiiii",
  path_symlink: "iiiii",
  path_unlink_file: "iii",
  poll_oneoff: "iiii",
  proc_exit: "i",
  proc_raise: "i",
  random_get: "ii",
  sched_yield: "",
  sock_accept: "iii",
  sock_recv: "iiiiii",
  sock_send: "iiiii",
  sock_shutdown: "ii",
};

const typesOf = (letters: string): ValType[] => [...letters].map((c) => (c === "l" ? I64 : I32));

/** Where a script's output is put together; what it stores itself comes behind. */
const RESULT = 16;
const FIRST_FREE = 64;

/** Memory to print, address and length. */
type Range = [number, number];

export interface ScriptOptions {
  /** Module that the functions are imported from. */
  module?: string;
  exports?: string[];
  /** Whether it exports a function main too, which traps. */
  hasMain?: boolean;
  memory?: string;
}

/** All rights that a file, or a directory and what is in it, can have. */
export const FILE_RIGHTS = 0x08e0_01ffn;
export const DIRECTORY_RIGHTS = 0x0fbf_fe98n;

export class Script {
  private readonly code: Bytes = [];
  private readonly functions: string[] = ["fd_write"];
  private readonly data: { offset: number; bytes: Uint8Array }[] = [];
  private end = FIRST_FREE;

  /** Reserves zeros; returns their address. */
  room(size: number): number {
    const at = (this.end + 7) & ~7;
    this.end = at + size;
    return at;
  }

  /** Address and length of a text in memory. */
  text(text: string): Range {
    const bytes = new TextEncoder().encode(text);
    const offset = this.room(bytes.length + 1);
    this.data.push({ offset, bytes });
    return [offset, bytes.length];
  }

  /** Address of u32 words in memory. */
  words(...words: number[]): number {
    const bytes = new Uint8Array(Uint32Array.from(words).buffer);
    const offset = this.room(bytes.length);
    this.data.push({ offset, bytes });
    return offset;
  }

  private index(name: string): number {
    const known = this.functions.indexOf(name);
    return known >= 0 ? known : this.functions.push(name) - 1;
  }

  /** Writes memory to standard output. */
  print(...ranges: Range[]): void {
    for (const [address, length] of ranges) {
      const iovec = this.words(address, length);
      this.code.push(...i32Const(1), ...i32Const(iovec), ...i32Const(1), ...i32Const(RESULT + 8));
      this.code.push(0x10, 0, 0x1a);
    }
  }

  /** Calls a function, prints its name and result, and then the memory given. */
  call(name: string, args: (number | bigint)[], ...shown: Range[]): void {
    const letters = SIGNATURES[name] as string;
    if (name !== "proc_exit") this.code.push(...i32Const(RESULT));
    [...letters].forEach((letter, i) => {
      const value = args[i] as number | bigint;
      this.code.push(...(letter === "l" ? i64Const(BigInt(value)) : i32Const(Number(value))));
    });
    this.code.push(0x10, ...uleb(this.index(name)));
    if (name === "proc_exit") return;
    this.code.push(0x36, 2, 0);
    this.print(this.text(`\n${name}=`), [RESULT, 2], ...shown);
  }

  open(path: string, flags: number, rights = FILE_RIGHTS, directory = 3, lookup = 1): void {
    const fd = this.room(4);
    const inheriting = rights === FILE_RIGHTS ? 0n : FILE_RIGHTS;
    this.call(
      "path_open",
      [directory, lookup, ...this.text(path), flags, rights, inheriting, 0, fd],
      [fd, 4],
    );
  }

  /** Writes a text to an open file. */
  write(fd: number, text: string): void {
    const done = this.room(4);
    this.call("fd_write", [fd, this.words(...this.text(text)), 1, done], [done, 4]);
  }

  read(fd: number, length: number): void {
    const buffer = this.room(length);
    const done = this.room(4);
    this.call("fd_read", [fd, this.words(buffer, length), 1, done], [done, 4], [buffer, length]);
  }

  module(options: ScriptOptions = {}): Uint8Array<ArrayBuffer> {
    const { module = "wasi_snapshot_preview1", exports = ["_start"], memory = "memory" } = options;
    const unreachable = { type: this.functions.length, locals: [], code: [0x00] };
    const types = this.functions.map((name): { params: ValType[]; results: ValType[] } => ({
      params: typesOf(SIGNATURES[name] as string),
      results: name === "proc_exit" ? [] : [I32],
    }));
    const start = this.functions.length;
    return buildModule({
      types: [...types, { params: [], results: [] }],
      imports: this.functions.map((name, type) => ({ module, name, type })),
      funcs: [{ type: start, locals: [], code: this.code }, unreachable],
      memory: { min: Math.ceil(this.end / 65536) },
      globals: [],
      exports: [
        ...exports.map((name) => ({ name, kind: 0 as const, index: start })),
        ...(options.hasMain ? [{ name: "main", kind: 0 as const, index: start + 1 }] : []),
        { name: memory, kind: 2, index: 0 },
      ],
      elements: [],
      data: this.data,
    });
  }
}
