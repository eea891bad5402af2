// Loops that are compiled a second time, without looks at pages: which loops, what is known of their addresses, and that
// nobody sees it.

import { describe, expect, it, test } from "vitest";
import { dword, eax, ebx, ecx, edi, edx, esi } from "../../asm/index.ts";
import { Machine } from "../host/machine.ts";
import { guest } from "../platform/testdata/guest.ts";
import type { Accel } from "./accel.ts";
import { affineOf, fieldItself, sameAffine, substituted } from "./affine.ts";
import { structure } from "./flow.ts";
import { binary, EXTEND_U, I64_ADD, I64_AND, I64_OR, I64_SHL, unary, WRAP } from "./fold.ts";
import type { Node } from "./region.ts";
import { chainsOf } from "./stretch.ts";
import { I64, i64, local } from "./value.ts";

/** Locals 10 and 11 hold the fields 0 and 1. */
const registers = { registerOf: (n: number): number => (n === 10 || n === 11 ? n - 10 : -1) };
const [first, second] = [local(I64, 10), local(I64, 11)];

describe("what a block makes of registers", () => {
  it("is a sum of multiples of them", () => {
    const scaled = binary(I64_SHL, second, i64(3n));
    const sum = binary(I64_ADD, binary(I64_ADD, first, scaled), i64(-16n));
    expect(affineOf(sum, registers)).toEqual({
      terms: new Map([
        [0, 1n],
        [1, 8n],
      ]),
      plus: -16n,
      fit: "exact",
    });
  });

  it("is that in 32 bits where it is computed in them", () => {
    const low = unary(WRAP, binary(I64_ADD, first, i64(4n)));
    expect(affineOf(low, registers)?.fit).toBe("low");
    const extended = unary(EXTEND_U, low);
    expect(affineOf(extended, registers)?.fit).toBe("short");
    // What is added to it may lie behind 4 GiB.
    expect(affineOf(binary(I64_ADD, extended, second), registers)?.fit).toBe("low");
  });

  it("is nothing that is known for other arithmetic, and other locals", () => {
    expect(affineOf(binary(I64_OR, first, second), registers)).toBeUndefined();
    expect(affineOf(binary(I64_AND, first, i64(0xffffn)), registers)).toBeUndefined();
    expect(affineOf(local(I64, 12), registers)).toBeUndefined();
  });

  it("goes from block to block", () => {
    const moved = { ...fieldItself(0), plus: 16n };
    const twice = substituted(moved, () => moved);
    expect(twice && sameAffine(twice, { ...moved, plus: 32n })).toBe(true);
    const cut = { ...moved, fit: "short" } as const;
    expect(substituted(moved, () => cut)?.fit).toBe("low");
    expect(substituted(fieldItself(0), () => cut)?.fit).toBe("short");
    expect(substituted(moved, () => undefined)).toBeUndefined();
  });
});

describe("chains", () => {
  const chains = (edges: number[][], entries: number[] = [0]) => {
    const nodes = edges.map((ways) => ({
      edges: ways.map((to, which) => ({ which, to })),
      seldom: false,
    })) as unknown as Node[];
    return chainsOf(edges, structure(edges, entries), nodes);
  };

  it("are loops of blocks that nothing else leads into", () => {
    expect(chains([[1], [2, 3], [1], []])).toEqual([[1, 2]]);
    expect(chains([[1], [1, 2], []])).toEqual([[1]]);
  });

  it("are no loops with a branch inside, and none that is entered elsewhere", () => {
    expect(chains([[1], [2, 3], [4], [4], [1, 5], []])).toEqual([]);
    expect(chains([[1], [2, 3], [1], []], [0, 2])).toEqual([]);
  });

  it("are the shorter ones where two loops have a head", () => {
    expect(chains([[1], [2, 3], [1], [4], [1]])).toEqual([[1, 2]]);
  });
});

test("loops over arrays leave at the same places in both tiers, wherever pages end", async () => {
  const array = 0x20_0ffa;
  const kernel = guest((a) => {
    a.mov(ebx, 40);
    a.label("again");
    // Up, in two arrays one of which crosses pages by single accesses.
    a.mov(esi, array).xor(edx, edx);
    a.label("up");
    a.mov(eax, dword(esi)).add(eax, ebx);
    a.add(dword(esi, { index: edx, scale: 4, disp: 0x5000 }), eax)
      .add(esi, 4)
      .add(edx, 3);
    a.cmp(esi, array + 0x3000).jne("up");
    // Down, with the array's end known by a counter.
    a.mov(edi, array + 0x8000).mov(ecx, 1500);
    a.label("down");
    a.add(eax, dword(edi))
      .mov(dword(edi, { disp: -0x4000 }), eax)
      .sub(edi, 12);
    a.dec(ecx).jnz("down");
    // By a base that stays and one that is somewhere else in between, which the second block finds moved.
    a.mov(esi, array)
      .mov(edi, array + 0x6000)
      .xor(edx, edx);
    a.label("bases");
    a.mov(eax, dword(esi, { index: edx, scale: 4 })).add(edi, 0x1008);
    a.cmp(edx, 100_000).ja("moved");
    a.add(dword(edi, { index: edx, scale: 2, disp: -0x1000 }), eax)
      .add(eax, dword(edi))
      .sub(edi, 0x1008);
    a.xor(dword(edi, { index: edx }), eax).add(edx, 1);
    a.label("moved");
    a.cmp(edx, 0xa00).jne("bases");
    a.dec(ebx).jnz("again");
  });
  const run = async (accel: Accel, slice: number): Promise<string[]> => {
    const machine = await Machine.create({ kernel, memory: "4M", accel });
    const states: string[] = [];
    for (let n = 0; n < 300; n++) {
      if (machine.runSync({ nanoseconds: slice }).kind !== "limit") break;
      if (n % 25 === 0) states.push(machine.stateHash());
    }
    states.push(machine.stateHash());
    if (accel.kind === "jit")
      expect(machine.tierStatistics?.instructions).toBeGreaterThan(
        0.5 * machine.core.instructions(),
      );
    return states;
  };
  for (const slice of [997, 3001, 20_011])
    expect(await run({ kind: "jit", threshold: 8 }, slice)).toEqual(
      await run({ kind: "interp" }, slice),
    );
});
