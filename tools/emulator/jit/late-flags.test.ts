// Flags that one block leaves to the next, or to the region's end: their values, whichever way was taken, and which ways
// need not compute them.

import { expect, test } from "vitest";
import { al, dl, eax, ebx, ecx, edi, edx, esi } from "../../asm/index.ts";
import { REGS } from "../core/state.ts";
import { Machine } from "../host/machine.ts";
import { guest } from "../platform/testdata/guest.ts";
import type { Accel } from "./accel.ts";
import { Code, Imports } from "./code.ts";
import { binary, I64_ADD, I64_AND, I64_SHL, I64_SUB } from "./fold.ts";
import { Carriers, type Deferred, LateFlags, type Place } from "./late-flags.ts";
import { FLAG_AUX, FLAG_RES, StateLocals } from "./state-locals.ts";
import { computed, emit, i64, type Value } from "./value.ts";

test("the next round finds the flags of the way back that was taken", async () => {
  const kernel = guest((a) => {
    a.mov(eax, 1).mov(ecx, 2500);
    a.label("next");
    // All flags, and the carry alone.
    a.adc(edi, edi).pushfd().pop(edx).and(edx, 0x8d5).add(ebx, edx).rol(ebx, 3);
    a.imul(eax, eax, 1103515245).add(eax, 12345);
    a.dec(ecx).jz("done");
    a.test(eax, 0x1_0000).jz("second");
    a.cmp(eax, 0x7000_0000).jne("next");
    a.label("second");
    a.test(eax, 0x2_0000).jz("third");
    a.sub(esi, eax).jnz("next");
    a.label("third");
    a.test(eax, 0x4_0000).jz("fourth");
    a.add(dl, al).jmp("next");
    a.label("fourth");
    a.test(eax, 0x8_0000).jz("fifth");
    a.inc(esi).jnz("next");
    a.label("fifth");
    a.neg(eax).jmp("next");
    a.label("done");
  });
  const run = async (accel: Accel): Promise<{ states: string[]; machine: Machine }> => {
    const machine = await Machine.create({ kernel, memory: "4M", accel });
    const states: string[] = [];
    for (let n = 0; n < 12; n++) {
      const { kind } = machine.runSync({ nanoseconds: 2_301 });
      states.push(machine.stateHash());
      if (kind !== "limit") break;
    }
    expect(machine.runSync({ nanoseconds: 1_000_000 }).kind).not.toBe("limit");
    return { states: [...states, machine.stateHash()], machine };
  };
  const { states } = await run({ kind: "interp" });
  for (const threshold of [0, 50]) {
    const compiled = await run({ kind: "jit", threshold });
    expect(compiled.states).toEqual(states);
    expect(compiled.machine.tierStatistics?.compilations).toBeGreaterThan(0);
  }
});

/** A head of a loop, or another place, and how it takes flags over. */
function head(place: Place = "loop") {
  const code = new Code(new Imports());
  const state = new StateLocals(code, new DataView(new ArrayBuffer(0x1_0000)), 2);
  code.loop();
  const flags = new LateFlags(code, state, new Carriers(code), place);
  const field = (n: number): number => state.fieldAt(REGS + 8 * n);
  /** Ends a round in which register 0 has become `value`, and the flags what `of` makes of it. */
  const round = (value: Value, of: (value: Value) => Value): Deferred | undefined => {
    state.bindings.fill(undefined);
    flags.begin();
    const held = computed(code, value);
    state.bind(field(0), held);
    state.bind(FLAG_RES, held);
    state.bind(FLAG_AUX, of(held));
    return flags.defer(state.bindings);
  };
  return { code, state, flags, field, round };
}

test("flags that come of registers and constants are left to the head of a loop", () => {
  const { code, state, field, round } = head();
  const next = (): Value => binary(I64_ADD, state.canonical(field(0)), i64(1n));
  const less = (n: bigint) => (value: Value) => binary(I64_SUB, value, i64(n));
  expect(round(next(), less(5n))).toEqual({ moves: [], number: 1 });
  expect(round(next(), less(6n))).toEqual({ moves: [], number: 2 });
  expect(round(next(), less(5n))?.number).toBe(1);
  expect(round(next(), less(7n))?.number).toBe(3);
  // The head knows a few ways only.
  expect(round(next(), less(8n))).toBeUndefined();
  // Nothing is saved.
  expect(round(next(), () => i64(0n))).toBeUndefined();
  code.end();
});

test("what the flags come of besides registers goes to the head in locals", () => {
  const { code, state, field, round } = head();
  const before = state.canonical(field(0));
  const next = (): Value => binary(I64_ADD, before, state.canonical(field(1)));
  const other = computed(code, binary(I64_SHL, before, i64(3n)));
  const carried = round(next(), (value) =>
    binary(I64_AND, binary(I64_SUB, value, before), binary(I64_ADD, other, value)),
  );
  expect(carried?.moves.map(({ value }) => value.n)).toEqual([before.n, other.n]);
});

test("flags that come of those of the round before are computed in each", () => {
  const { state, field, round } = head();
  const next = binary(I64_ADD, state.canonical(field(0)), i64(1n));
  const kept = round(next, (value) => {
    const before = state.bindings[FLAG_AUX] as Value;
    return binary(I64_AND, before, value);
  });
  expect(kept).toBeUndefined();
});

test.each([
  [0, 0],
  [1, 1],
  [32, 32],
  [33, 1],
])("of %i readers, %i compute", (readers, computations) => {
  const { code, state, flags, field, round } = head();
  const next = binary(I64_ADD, state.canonical(field(0)), i64(1n));
  state.bindings.fill(undefined);
  flags.begin();
  const aux = state.bindings[FLAG_AUX] as Value;
  for (let i = 0; i < readers; i++) {
    emit(code, aux);
    code.set(code.local(aux.type));
  }
  expect(round(next, (value) => binary(I64_AND, value, i64(0x55n)))?.number).toBe(1);
  flags.finish();
  code.end();
  const { code: bytes } = code.content();
  expect(bytes.filter((byte) => byte === I64_AND)).toHaveLength(computations);
});

test("where a region ends, flags come of values in locals, whatever registers these are in", () => {
  const { code, state, flags, field } = head("exit");
  const [first, second] = [0, 1].map((n) => {
    state.bindings.fill(undefined);
    const value = computed(code, binary(I64_ADD, state.canonical(field(n)), i64(1n)));
    state.bind(field(n), value);
    state.bind(FLAG_RES, value);
    state.bind(FLAG_AUX, binary(I64_SUB, value, i64(5n)));
    return { value, deferred: flags.defer(state.bindings) };
  });
  expect(first?.deferred?.number).toBe(1);
  expect(second?.deferred?.number).toBe(1);
  expect(first?.deferred?.moves).toEqual([{ value: first?.value, to: expect.any(Number) }]);
  expect(second?.deferred?.moves.map(({ to }) => to)).toEqual([first?.deferred?.moves[0]?.to]);
});

test.each([
  ["", true],
  ["which are computed at its head, ", false],
])("ways out of a loop with its flags, %sleave them to the region's end", (_where, late) => {
  const code = new Code(new Imports());
  const state = new StateLocals(code, new DataView(new ArrayBuffer(0x1_0000)), 2);
  const carriers = new Carriers(code);
  const exit = new LateFlags(code, state, carriers, "exit");
  const outside = code.block();
  code.loop();
  const loop = new LateFlags(code, state, carriers, "loop");
  const field = state.fieldAt(REGS);
  loop.begin();
  const [res, aux] = [FLAG_RES, FLAG_AUX].map((f) => state.bindings[f] as Value);
  for (let n = 0; n < 3; n++) {
    Object.assign(state.bindings, { [FLAG_RES]: res, [FLAG_AUX]: aux });
    state.flush(exit);
    code.branch(outside);
  }
  const next = computed(code, binary(I64_ADD, state.canonical(field), i64(1n)));
  state.bind(field, next);
  state.bind(FLAG_RES, next);
  state.bind(FLAG_AUX, late ? binary(I64_AND, next, i64(0x55n)) : i64(0x55n));
  state.flush(loop);
  loop.finish();
  code.end();
  code.end();
  exit.begin();
  const { code: bytes } = code.content();
  expect(exit.plain).toBe(true);
  expect(bytes.filter((byte) => byte === I64_AND)).toHaveLength(late ? 1 : 0);
});

test("a block that one way leads to goes on with the flags as they come of registers", () => {
  const { state, flags, field, round } = head("block");
  const next = binary(I64_ADD, state.canonical(field(0)), i64(1n));
  expect(round(next, (value) => binary(I64_SUB, value, i64(5n)))?.number).toBe(1);
  state.bindings.fill(undefined);
  flags.begin();
  expect(state.read(FLAG_RES)).toEqual(expect.objectContaining({ n: state.canonical(field(0)).n }));
  expect(state.read(FLAG_AUX).op).toBeGreaterThan(0);
});
