// Which blocks become a region, and which of them can be entered, on guests that the interpreter has run.

import { expect, test } from "vitest";
import { type Assembler, dword, eax, ecx, edx } from "../../asm/index.ts";
import { coreBytes } from "../core/load.ts";
import { S_KEY } from "../core/state.ts";
import { builtCore } from "../host/core.ts";
import { Machine } from "../host/machine.ts";
import { guest } from "../platform/testdata/guest.ts";
import { Blocks } from "./blocks.ts";
import { Imports, OP_BR_IF, OP_IF } from "./code.ts";
import { CoreCode } from "./core-code.ts";
import { emitRegion } from "./emit.ts";
import { discover, isWorthEntering, type Region, watch, watched } from "./region.ts";

/** Blocks count, but none gets hot. */
const ACCEL = { kind: "jit", threshold: 2 ** 31 - 1 } as const;
/** First bytes of blocks, by which the tests know them. */
const INC_ECX = 0x41;
const INC_EDX = 0x42;
const DEC_ECX = 0x49;
const DEC_EDX = 0x4a;

class Decoded {
  readonly blocks: Blocks;
  readonly #machine: Machine;
  readonly #code: number;

  private constructor(machine: Machine) {
    this.#machine = machine;
    this.blocks = new Blocks(machine.core);
    this.#code = machine.core.ram_base() + Number(this.blocks.pageRip);
  }

  /** The blocks of a guest that has run for a while, all of whose code is in one page. */
  static async from(body: (a: Assembler) => void): Promise<Decoded> {
    const machine = await Machine.create({ kernel: guest(body), memory: "4M", accel: ACCEL });
    machine.runSync({ nanoseconds: 10_000 });
    return new Decoded(machine);
  }

  run(): void {
    this.#machine.runSync({ nanoseconds: 10_000 });
    this.blocks.refresh();
  }

  opcode(block: number): number {
    return this.blocks.view.getUint8(this.#code + this.blocks.block(block).offset);
  }

  block(opcode: number): number {
    const { blocks } = this;
    const frame = Number(blocks.pageRip / 0x1000n);
    for (const block of blocks.inPage(frame, blocks.u32(S_KEY)))
      if (this.opcode(block) === opcode) return block;
    throw new Error(`no block begins with ${opcode.toString(16)}`);
  }

  opcodes({ nodes }: Region): Set<number> {
    return new Set(nodes.map(({ block }) => this.opcode(block.address)));
  }

  entries({ nodes, entries }: Region): Set<number> {
    return new Set(entries.map((node) => this.opcode(nodes[node]?.block.address as number)));
  }
}

test("what does not count because it is compiled is part of the loop around it", async () => {
  const guest = await Decoded.from((a) => {
    a.label("outer");
    a.inc(ecx).mov(edx, 9);
    a.label("inner");
    a.dec(edx).jz("outer").add(eax, edx).jmp("inner");
  });
  const { blocks } = guest;
  const seed = guest.block(INC_ECX);
  const since = watch(blocks, seed);
  expect(guest.opcodes(watched(blocks, seed, since, 1, () => false))).toEqual(new Set([INC_ECX]));
  const region = watched(blocks, seed, since, 1, (block) => block !== seed);
  expect(guest.opcodes(region)).toContain(DEC_EDX);
});

test("no way leads from a block that executes rarely into what is compiled", async () => {
  const guest = await Decoded.from((a) => {
    a.label("other");
    a.dec(edx).mov(ecx, 1000);
    a.label("inner");
    a.dec(ecx).jz("rare").add(eax, ecx).jmp("inner");
    a.label("rare");
    a.inc(edx).jmp("other");
  });
  const { blocks } = guest;
  const seed = guest.block(DEC_ECX);
  const since = watch(blocks, seed);
  for (let n = 0; n < 4; n++) guest.run();
  const around = (rounds: number, ...compiled: number[]): Set<number> => {
    const others = compiled.map((opcode) => guest.block(opcode));
    return guest.opcodes(watched(blocks, seed, since, rounds, (block) => others.includes(block)));
  };
  // Some ten thousand rounds have been executed.
  const apart = around(9_000, DEC_EDX);
  expect(apart).toContain(INC_EDX);
  expect(apart).not.toContain(DEC_EDX);
  expect(around(2_000, DEC_EDX)).toContain(DEC_EDX);
  expect(around(9_000)).toContain(DEC_EDX);
  // How often a compiled block executes is not known.
  expect(around(9_000, INC_EDX, DEC_EDX)).toContain(DEC_EDX);
});

test("what executes in few of the rounds is a part of the region, with less code", async () => {
  const guest = await Decoded.from((a) => {
    a.label("outer");
    a.inc(ecx).test(ecx, 63).jnz("outer");
    a.inc(edx)
      .mov(eax, dword(0x8000, { index: edx, scale: 4 }))
      .add(dword(0x8000, { index: edx, scale: 4 }), 3)
      .jmp("outer");
  });
  const { blocks } = guest;
  const seed = guest.block(INC_ECX);
  const since = watch(blocks, seed);
  guest.run();
  const rounds = (since.get(seed)?.left as number) - blocks.left(seed);
  const region = watched(blocks, seed, since, rounds, () => false);
  const seldom = region.nodes.filter((node) => node.seldom);
  expect(seldom.map(({ block }) => guest.opcode(block.address))).toEqual([INC_EDX]);
  expect(guest.opcodes(region)).toEqual(new Set([INC_ECX, INC_EDX]));
  const core = new CoreCode(coreBytes(await builtCore()) as Uint8Array);
  const size = ({ nodes, entries }: Region, kept: boolean): number => {
    const chosen = nodes.map((node) => ({ ...node, seldom: node.seldom && kept }));
    return emitRegion(core, blocks, { nodes: chosen, entries }, 0, new Imports()).content().code
      .length;
  };
  expect(size(region, true)).toBeLessThan(size(region, false) * (2 / 3));
});

test("computed jumps lead to what nothing else goes on to", async () => {
  const guest = await Decoded.from((a) => {
    a.label("outer");
    a.inc(ecx);
    a.label("inner");
    a.inc(edx).test(edx, 3).jnz("inner");
    a.mov(eax, ecx)
      .and(eax, 1)
      .jmp(dword("table", { index: eax, scale: 4 }));
    a.label("even");
    a.dec(ecx).add(ecx, 3).jmp("outer");
    a.label("odd");
    a.dec(edx).jmp("outer");
    a.align(4).label("table");
    a.dd("even", "odd");
  });
  const region = discover(guest.blocks, guest.block(INC_ECX));
  expect(guest.opcodes(region)).toContain(INC_EDX);
  const entries = guest.entries(region);
  for (const target of [DEC_ECX, DEC_EDX]) expect(entries).toContain(target);
  expect(entries).not.toContain(INC_EDX);
});

test("the engine is told that TLB misses and ways out of a region are rare", async () => {
  const guest = await Decoded.from((a) => {
    a.label("outer");
    a.inc(ecx).mov(eax, dword(0x8000)).add(dword(0x8000), 3).jmp("outer");
  });
  const core = new CoreCode(coreBytes(await builtCore()) as Uint8Array);
  const { nodes, entries } = discover(guest.blocks, guest.block(INC_ECX));
  const region = { nodes: nodes.map((node) => ({ ...node, seldom: false })), entries };
  const { code, hints } = emitRegion(core, guest.blocks, region, 0, new Imports()).content();
  for (const { at } of hints) expect([OP_IF, OP_BR_IF]).toContain(code[at]);
  // At least the two accesses' misses, a fault behind each, a stop behind the write, and the end of the budget.
  expect(hints.length).toBeGreaterThanOrEqual(6);
});

test("a region has no more records than it may, but for its first block", async () => {
  const guest = await Decoded.from((a) => {
    a.label("outer");
    a.inc(ecx).mov(edx, 9);
    a.label("inner");
    a.dec(edx).jz("outer").add(eax, edx).jmp("inner");
  });
  const { blocks } = guest;
  const seed = guest.block(INC_ECX);
  expect(guest.opcodes(discover(blocks, seed))).toContain(DEC_EDX);
  expect(guest.opcodes(discover(blocks, seed, 0))).toEqual(new Set([INC_ECX]));
});

test("a loop is worth entering however short it is, and a short block that only leads elsewhere is not", async () => {
  const decoded = await Decoded.from((a) => {
    a.label("next");
    a.xor(edx, edx);
    a.label("inner");
    a.inc(edx).add(eax, edx).cmp(edx, 9).jb("inner");
    a.jmp("on");
    a.label("on");
    a.inc(ecx).jmp("next");
  });
  const region = (opcode: number): Region => discover(decoded.blocks, decoded.block(opcode));
  expect(isWorthEntering(region(INC_EDX))).toBe(true);
  const { nodes } = region(INC_ECX);
  const alone = {
    nodes: [{ ...(nodes[0] as (typeof nodes)[0]), edges: [] }],
    entries: [0],
  };
  expect(isWorthEntering(alone)).toBe(false);
});
