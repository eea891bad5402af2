// The Linux programs that are compiled by compilers of others, in the order in which they are built. Light to load:
// the Makefile reads it in every run.

import type { ForeignProgram } from "../tools/make/foreign.ts";

/** A program in C, with musl by Zig and with glibc by gcc. */
function inC(name: string): ForeignProgram[] {
  const source = `static-foreign-apps/C/${name}.c`;
  return [
    { source, compiler: "zig cc", name: `C/${name}`, archivePath: `bin/c_${name}` },
    { source, compiler: "gcc", name: `C-glibc/${name}`, archivePath: `bin/c_${name}_glibc` },
  ];
}

export const foreignPrograms: readonly ForeignProgram[] = [
  ...["hello_world", "matrix_mult", "dump_aux"].flatMap(inC),
  {
    source: "static-foreign-apps/Zig/hello_world.zig",
    compiler: "zig",
    name: "Zig/hello_world",
    archivePath: "bin/zig_hello_world",
  },
  {
    source: "static-foreign-apps/C/hybrid_benchmark.c",
    compiler: "zig cc",
    name: "C/hybrid_benchmark",
    archivePath: "bin/c_hybrid_benchmark",
    symbols: true,
  },
  {
    source: "static-foreign-apps/C/process_benchmark.c",
    compiler: "zig cc",
    name: "C/process_benchmark",
    archivePath: "bin/c_process_benchmark",
    symbols: true,
  },
  {
    source: "static-foreign-apps/Rust/hybrid_benchmark.rs",
    compiler: "rustc",
    name: "Rust/hybrid_benchmark",
    archivePath: "bin/rust_hybrid_benchmark",
    symbols: true,
  },
  {
    source: "static-foreign-apps/Rust/hello_world.rs",
    compiler: "rustc",
    name: "Rust/hello_world",
    archivePath: "bin/rust_hello_world",
  },
  {
    source: "static-foreign-apps/Go/hello_world.go",
    compiler: "go",
    name: "Go/hello_world",
    archivePath: "bin/go_hello_world",
  },
];
