// Makes an executable of a recording: the module with its imports replaced by functions that check
// their arguments against the tape and answer as JavaScript did, and a main that calls the exports.
// Modules that were linked while the program ran are one module here, with one memory and table.
// All of it is wasm that the compiler compiles; the tape lies outside of the module's memory.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { linkElf } from "../../elf/index.ts";
import type { ObjectFile } from "../../elf/object.ts";
import { toSpec } from "../../wasm/rewrite.ts";
import {
  F32,
  F64,
  funcTypeOf,
  type GlobalType,
  globalTypeOf,
  I32,
  I64,
  type ValType,
} from "../../wasm/types.ts";
import {
  type Bytes,
  buildModule,
  emptyModule,
  i32Const,
  i64Const,
  type ModuleSpec,
  uleb,
} from "../../wasm/writer.ts";
import { type CompileOptions, compile } from "../compile.ts";
import { LINUX_SEGMENTS } from "../link.ts";
import {
  GLOBAL,
  IMPORT,
  type LinkedInstance,
  type Recording,
  type Reference,
  Step,
} from "./record.ts";

/** Exit status of a program that differs from its recording. */
const DIFFERS = 98;
const WRITE = 1;
const EXIT_GROUP = 231;

/** The imports of the program, in order. */
const NATIVE = [
  { module: "x86", name: "load64", params: [I64], results: [I64] },
  { module: "x86", name: "store64", params: [I64, I64], results: [] },
  { module: "x86", name: "window", params: [], results: [I64] },
  { module: "symbol", name: "replay_tape", params: [], results: [I64] },
  {
    module: "linux",
    name: "syscall",
    params: [I64, I64, I64, I64, I64, I64, I64],
    results: [I64],
  },
] as { module: string; name: string; params: ValType[]; results: ValType[] }[];
const [LOAD, STORE, WINDOW, TAPE, SYSCALL] = [0, 1, 2, 3, 4];

const call = (f: number): Bytes => [0x10, ...uleb(f)];
const get = (local: number): Bytes => [0x20, ...uleb(local)];
const set = (local: number): Bytes => [0x21, ...uleb(local)];

/** i64 bits on the stack → a value of the type. */
function fromWord(type: ValType): Bytes {
  if (type === I64) return [];
  if (type === F64) return [0xbf];
  return type === I32 ? [0xa7] : [0xa7, 0xbe];
}

/** A value of the type on the stack → its bits as i64. */
function toWord(type: ValType): Bytes {
  if (type === I64) return [];
  if (type === F64) return [0xbd];
  return type === F32 ? [0xbc, 0xad] : [0xad];
}

function syscall(nr: number, ...args: Bytes[]): Bytes {
  const six = [...args, ...new Array(6 - args.length).fill(i64Const(0n))];
  return [...i64Const(BigInt(nr)), ...six.flat(), ...call(SYSCALL)];
}

/** Where the linked module has what the recording's instances refer to. */
interface Places {
  func(place: Reference): number;
  global(place: Reference): number;
}

/**
 * The instances' modules as one: function `firstFunc` is the first of the first module, functions from
 * `firstStub` on are the imports by their numbers on the tape.
 */
function link(
  recording: Recording,
  firstFunc: number,
  firstStub: number,
): { spec: ModuleSpec; places: Places } {
  const { instances } = recording;
  const spec = emptyModule();
  let [funcs, globals] = [firstFunc, 0];
  const bases = instances.map(({ module: m }) => {
    const base = { func: funcs, global: globals };
    funcs += m.funcs.length;
    globals += m.globalImports.length + m.globals.length;
    return base;
  });
  const func = ({ instance, index }: Reference): number => {
    const { module: m, linkedFuncs, firstImport } = instances[instance] as LinkedInstance;
    const own = index - m.funcImports.length;
    if (own >= 0) return (bases[instance]?.func as number) + own;
    const target = linkedFuncs.get(index);
    return target ? func(target) : firstStub + firstImport + index;
  };
  const global = ({ instance, index }: Reference): number => {
    const shared = instances[instance]?.sharedGlobals.get(index);
    return shared ? global(shared) : (bases[instance]?.global as number) + index;
  };
  instances.forEach(({ module: m, globals }, instance) => {
    const { types, data, elements } = spec;
    const [type, segment, element] = [types.length, data.length, elements.length];
    const part = toSpec(m, globals, {
      type: (index) => type + index,
      func: (index) => func({ instance, index }),
      global: (index) => global({ instance, index }),
      table: (index) => index,
      data: (index) => segment + index,
      element: (index) => element + index,
    });
    types.push(...part.types);
    spec.funcs.push(...part.funcs);
    spec.globals.push(...part.globals);
    elements.push(...part.elements);
    if (instance === 0) {
      data.push(...part.data);
      spec.start = part.start;
      spec.memory = part.memory;
      spec.tables = part.tables;
    } else {
      // When the instance was made, what its active segments held came onto the tape.
      data.push(...part.data.map((s) => (s.offset ? { offset: 0, bytes: [] } : s)));
    }
  });
  for (const [offset, entry] of recording.tableEntries) {
    spec.elements.push({ offset, funcs: [func(entry)] });
  }
  if (recording.tableSize > 0) spec.tables = [{ min: recording.tableSize }];
  if (recording.pages !== undefined) {
    spec.memory = { min: recording.pages, max: instances[0]?.module.memory?.max ?? 65536 };
  }
  return { spec, places: { func, global } };
}

/** The module of the program. */
export function replayModule(recording: Recording): Uint8Array {
  const { instances } = recording;
  const own = NATIVE.length;
  // The modules' imports become functions behind their own.
  const stubs = instances.reduce((sum, { module }) => sum + module.funcs.length, own);
  const { spec, places } = link(recording, own, stubs);
  const { types } = spec;
  const imports = instances.flatMap(({ module: m }) =>
    m.funcImports.map((_, i) => funcTypeOf(m, i)),
  );
  const imported = imports.length;
  const typeOf = (params: ValType[], results: ValType[]): number =>
    types.push({ params, results }) - 1;
  spec.imports = NATIVE.map(({ module, name, params, results }) => ({
    module,
    name,
    type: typeOf(params, results),
  }));
  const position = spec.globals.length;
  spec.globals = [...spec.globals, { type: I64, mutable: true, init: i64Const(0n) }];
  const [next, expect, replay] = [stubs + imported, stubs + imported + 1, stubs + imported + 2];
  const at: Bytes = [0x23, ...uleb(position)];
  const add = (params: ValType[], results: ValType[], locals: ValType[], code: Bytes): void => {
    spec.funcs.push({ type: typeOf(params, results), locals, code });
  };
  imports.forEach(({ params, results }, i) => {
    const checks = params.flatMap((t, n) => [...get(n), ...toWord(t), ...call(expect)]);
    const answer = results.flatMap((t) => [...call(next), ...fromWord(t)]);
    const code = [...i64Const(IMPORT | BigInt(i)), ...call(expect), ...checks];
    add(params, results, [], [...code, ...call(replay), ...answer]);
  });
  // next(): the word at the position, which moves on. A start function may come before main.
  const advance = [...at, ...i64Const(8n), 0x7c, 0x24, ...uleb(position)];
  const begin = [...at, 0x50, 0x04, 0x40, ...call(TAPE), 0x24, ...uleb(position), 0x0b];
  add([], [I64], [I64], [...begin, ...at, ...call(LOAD), ...set(0), ...advance, ...get(0)]);
  // expect(word): reports position and word, and ends the program, where the tape has another.
  const differs = [
    ...[...call(TAPE), ...at, ...call(TAPE), 0x7d, ...i64Const(8n), 0x7d, ...call(STORE)],
    ...[...call(TAPE), ...i64Const(8n), 0x7c, ...get(0), ...call(STORE)],
    ...[...syscall(WRITE, i64Const(2n), call(TAPE), i64Const(16n)), 0x1a],
    ...[...syscall(EXIT_GROUP, i64Const(BigInt(DIFFERS))), 0x1a],
  ];
  add([I64], [], [], [...get(0), ...call(next), 0x52, 0x04, 0x40, ...differs, 0x0b]);
  const loop = replayLoop(recording, places, next, expect, spec.memory !== undefined);
  add([], [], [I64, I64], loop);
  const size: Bytes = [0x3f, 0, 0xad, ...i64Const(65536n), 0x7e];
  const dump = spec.memory ? [...syscall(WRITE, i64Const(1n), call(WINDOW), size), 0x1a] : [];
  add([], [I32], [], [...call(replay), ...dump, ...i32Const(0)]);
  spec.exports = [{ name: "main", kind: 0, index: replay + 1 }];
  return buildModule(spec);
}

/** replay(): does what the tape says until a return. Local 0 is the step, 1 a count. */
function replayLoop(
  recording: Recording,
  places: Places,
  next: number,
  expect: number,
  hasMemory: boolean,
): Bytes {
  const { instances, exports, settable } = recording;
  const [step, count] = [0, 1];
  const moduleOf = ({ instance }: Reference) => (instances[instance] as LinkedInstance).module;
  const is = (n: number | bigint): Bytes => [...get(step), ...i64Const(BigInt(n)), 0x51];
  const when = (n: number | bigint, code: Bytes): Bytes => [
    ...is(n),
    0x04,
    0x40,
    ...code,
    0x0c,
    1,
    0x0b,
  ];
  // Local 0 is the address while words are copied.
  const copyWords: Bytes = [
    ...[...call(next), ...set(step), ...call(next), ...set(count)],
    ...[0x03, 0x40],
    ...[...get(step), 0xa7, ...call(next), 0x37, 0, 0],
    ...[...get(step), ...i64Const(8n), 0x7c, ...set(step)],
    ...[...get(count), ...i64Const(1n), 0x7d, 0x22, ...uleb(count), 0x50, 0x45, 0x0d, 0],
    0x0b,
  ];
  const calls = exports.flatMap((place, n) => {
    const { params, results } = funcTypeOf(moduleOf(place), place.index);
    const args = params.flatMap((t) => [...call(next), ...fromWord(t)]);
    return when(Step.Call + n, [...args, ...call(places.func(place)), ...checked(results, expect)]);
  });
  const sets = settable.flatMap((place, n) => {
    const { type } = globalTypeOf(moduleOf(place), place.index) as GlobalType;
    const code = [...call(next), ...fromWord(type), 0x24, ...uleb(places.global(place))];
    return when(GLOBAL | BigInt(n), code);
  });
  return [
    ...[0x03, 0x40],
    ...[...call(next), ...set(step)],
    ...[...is(Step.Return), 0x04, 0x40, 0x0f, 0x0b],
    ...(hasMemory ? when(Step.Write, copyWords) : []),
    ...(hasMemory ? when(Step.Grow, [...call(next), 0xa7, 0x40, 0, 0x1a]) : []),
    ...calls,
    ...sets,
    // No such step: the tape is damaged. Behind it the loop ends.
    0x00,
    0x0b,
  ];
}

/** Compares the results on the stack with the tape. */
function checked(results: ValType[], expect: number): Bytes {
  if (results.length === 0) return [];
  if (results.length > 1) throw new Error("several results are not replayed");
  return [...toWord(results[0] as ValType), ...call(expect)];
}

function tapeObject(tape: BigUint64Array): ObjectFile {
  const data = new Uint8Array(tape.buffer, tape.byteOffset, tape.byteLength);
  return {
    name: "tape",
    sections: [
      { name: ".data", writable: true, executable: false, align: 16, data, memSize: data.length },
    ],
    symbols: [
      { name: "replay_tape", section: 0, value: 0n, size: 0, kind: "object", global: true },
    ],
    relocations: [],
  };
}

/**
 * Compiles the recorded module, runs it against the tape and returns the first difference, or
 * undefined. Throws CompileError and what the register allocation's check throws.
 */
export function replay(
  recording: Recording,
  options: Partial<CompileOptions> = {},
): string | undefined {
  const wasm = replayModule(recording);
  const object = compile(wasm, { target: "linux", name: "replay", verify: true, ...options });
  const elf = linkElf({
    objects: [object, tapeObject(recording.tape)],
    segments: LINUX_SEGMENTS,
    entry: "_start",
    class: 64,
  });
  const directory = mkdtempSync(join(tmpdir(), "replay-"));
  try {
    const file = join(directory, "program");
    writeFileSync(file, elf, { mode: 0o755 });
    const run = spawnSync(file, { maxBuffer: 1 << 30, timeout: 120_000 });
    if (run.status === DIFFERS) {
      const at = Number(run.stderr.readBigUInt64LE(0)) / 8;
      const have = run.stderr.readBigUInt64LE(8);
      const want = recording.tape[at] as bigint;
      return `word ${at} of ${recording.tape.length}: compiled 0x${have.toString(16)}, V8 0x${want.toString(16)}`;
    }
    if (run.status !== 0) return `the program ended with ${run.signal ?? `status ${run.status}`}`;
    const { memory } = recording;
    if (run.stdout.length !== memory.length) {
      return `memory has ${run.stdout.length} bytes, in V8 ${memory.length}`;
    }
    if (run.stdout.equals(memory)) return undefined;
    const at = memory.findIndex((byte, i) => byte !== run.stdout[i]);
    return `memory at ${at}: compiled ${run.stdout[at]}, V8 ${memory[at]}`;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
