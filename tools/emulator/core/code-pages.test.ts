// Code that changes, wherever in its page it lies and whatever the TLB knows of that page: the bytes that are there are
// executed (Intel SDM vol. 3A, 9.1.3 for one processor).

import { expect, test } from "vitest";
import { byte, cl, cr0, cr3, cr4, dword, eax, ebx, ecx, edi, edx, mem } from "../../asm/index.ts";
import { Machine } from "../host/machine.ts";
import type { Accel } from "../jit/accel.ts";
import { guest } from "../platform/testdata/guest.ts";
import { CODE_GENERATION } from "./state.ts";

const [DIRECTORY, PAGE, RESULTS] = [0x20_0000, 0x40_0000, 0x60_0000];
const LARGE_PAGE = 0x83;
/** Results where the page of the others is not mapped. */
const NOTES = 0x20_8000;
/** Functions of six bytes: at both ends of the page, at the ends of pieces of 64 bytes, in neighbouring ones, alone. */
const PLACES = [0, 0x3a, 0x40, 0x7d, 0x7c0, 0xf80, 0xfbf, 0xffa];
const ROUNDS = 12;

/** Round r gives the functions whose bit is set in r new constants, and calls all of them. */
function program(flushes: boolean): Uint8Array {
  return guest((a) => {
    a.mov(dword(DIRECTORY), LARGE_PAGE).mov(dword(DIRECTORY + 4), 0x40_0000 | LARGE_PAGE);
    a.mov(eax, DIRECTORY).mov(cr3, eax).mov(eax, 0x10).mov(cr4, eax);
    a.mov(eax, cr0).or(eax, 0x8000_0000).mov(cr0, eax);
    for (const at of PLACES) {
      a.mov(dword(PAGE + at), 0xb8).mov(dword(PAGE + at + 4), 0xc300);
    }
    a.mov(ecx, 1).mov(edi, RESULTS);
    a.label("round");
    for (const [bit, at] of PLACES.entries()) {
      const keep = `keep${bit}`;
      a.test(ecx, 1 << bit).jz(keep);
      a.imul(edx, ecx, 0x101 + bit).mov(dword(PAGE + at + 1), edx);
      a.label(keep);
    }
    if (flushes) {
      // A page without code can be written at once, and after that its code has to be noticed again.
      a.mov(eax, cr3)
        .mov(cr3, eax)
        .mov(dword(PAGE + 0x400), ecx);
    }
    for (const at of PLACES)
      a.mov(eax, PAGE + at)
        .call(eax)
        .mov(mem(edi), eax)
        .add(edi, 4);
    a.inc(ecx).mov(ebx, ecx).cmp(ecx, ROUNDS).jbe("round");
  });
}

function expected(): number[] {
  const constants = PLACES.map(() => 0);
  return Array.from({ length: ROUNDS }, (_, n) => n + 1).flatMap((round) => {
    for (const bit of PLACES.keys())
      if ((round & (1 << bit)) !== 0) constants[bit] = round * (0x101 + bit);
    return [...constants];
  });
}

test.each<[string, boolean, Accel]>([
  ["interpreted", false, { kind: "interp" }],
  ["interpreted, with a TLB that is flushed", true, { kind: "interp" }],
  ["compiled", false, { kind: "jit", threshold: 0 }],
  ["compiled, with a TLB that is flushed", true, { kind: "jit", threshold: 0 }],
])("changed functions anywhere in a page return what they say, %s", async (_, flushes, accel) => {
  const machine = await Machine.create({ kernel: program(flushes), memory: "8M", accel });
  expect(machine.runSync({ nanoseconds: 1_000_000 }).kind).not.toBe("limit");
  const bytes = machine.readPhysical(RESULTS, 4 * ROUNDS * PLACES.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const results = expected().map((_, n) => view.getUint32(4 * n, true));
  expect(results).toEqual(expected());
});

/** Calls functions of a page; before each of the last two the page's accessed bit is cleared, and behind it noted. */
function walks(): Uint8Array {
  const entry = dword(DIRECTORY + 4);
  return guest((a) => {
    a.mov(dword(DIRECTORY), LARGE_PAGE).mov(entry, 0x40_0000 | LARGE_PAGE);
    a.mov(eax, DIRECTORY).mov(cr3, eax).mov(eax, 0x10).mov(cr4, eax);
    a.mov(eax, cr0).or(eax, 0x8000_0000).mov(cr0, eax);
    for (const at of [0, 0x400, 0x800]) a.mov(dword(PAGE + at), 0xc3);
    a.mov(edi, RESULTS).mov(eax, PAGE).call(eax);
    for (const [at, flushes] of [
      [0x400, false],
      [0x800, true],
    ] as const) {
      a.and(entry, ~0x20);
      if (flushes) a.mov(eax, cr3).mov(cr3, eax);
      a.mov(eax, PAGE + at)
        .call(eax)
        .mov(eax, entry)
        .and(eax, 0x20)
        .mov(mem(edi), eax)
        .add(edi, 4);
    }
  });
}

test.each<[string, Accel]>([
  ["interpreted", { kind: "interp" }],
  ["compiled", { kind: "jit", threshold: 0 }],
])("new code in a page that the TLB has is found without a page walk, %s", async (_, accel) => {
  const machine = await Machine.create({ kernel: walks(), memory: "8M", accel });
  expect(machine.runSync({ nanoseconds: 1_000_000 }).kind).not.toBe("limit");
  expect([...machine.readPhysical(RESULTS, 8)]).toEqual([0, 0, 0, 0, 0x20, 0, 0, 0]);
});

test.each<[string, Accel]>([
  ["interpreted", { kind: "interp" }],
  ["compiled", { kind: "jit" }],
])("code that is rewritten takes no more room each time, %s", async (_, accel) => {
  // A round's block is 136 bytes, and there is room for 80 MiB of them.
  const rounds = 700_000;
  const kernel = guest((a) => {
    a.mov(dword(PAGE), 0xb8).mov(dword(PAGE + 4), 0xc300);
    a.mov(ecx, rounds).xor(ebx, ebx);
    a.label("round");
    a.mov(dword(PAGE + 1), ecx)
      .mov(eax, PAGE)
      .call(eax)
      .add(ebx, eax)
      .dec(ecx)
      .jnz("round");
    a.mov(dword(RESULTS), ebx);
  });
  const machine = await Machine.create({ kernel, memory: "8M", accel });
  const generation = (): number =>
    new DataView(machine.core.memory.buffer).getUint32(CODE_GENERATION, true);
  const before = generation();
  expect(machine.runSync({ nanoseconds: 20_000_000 }).kind).not.toBe("limit");
  const result = machine.readPhysical(RESULTS, 4);
  expect(new DataView(result.buffer, result.byteOffset).getUint32(0, true)).toBe(
    Number(BigInt.asUintN(32, (BigInt(rounds) * BigInt(rounds + 1)) / 2n)),
  );
  expect(generation()).toBe(before);
});

/**
 * Code in the page table that maps it, beside its own entry: what looks for the next block sets the accessed bit there, which
 * is a write to the code that looks.
 */
function inItsPageTable(): Uint8Array {
  const [table, window, code, next] = [0x30_0000, 0x40_0000, 0x10, 0x20];
  // Has the window's place in the TLB.
  const beside = window + (64 << 20);
  return guest((a) => {
    a.mov(dword(DIRECTORY), LARGE_PAGE).mov(dword(DIRECTORY + 4), table | 3);
    a.mov(dword(DIRECTORY + 4 * (beside >> 22)), LARGE_PAGE).mov(dword(table), table | 3);
    a.mov(eax, DIRECTORY).mov(cr3, eax).mov(eax, 0x10).mov(cr4, eax);
    a.mov(eax, cr0).or(eax, 0x8000_0000).mov(cr0, eax);
    const bytes = [0xa1, 0, 0, 0, 0, 0xeb, next - code - 7, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    bytes.splice(1, 4, ...[0, 8, 16, 24].map((shift) => (beside >>> shift) & 0xff));
    // mov eax, [beside]; jmp next; next: mov ebx, 7; mov ecx, 0x55; ret
    bytes.push(0xbb, 7, 0, 0, 0, 0xb9, 0x55, 0, 0, 0, 0xc3);
    for (const [n, value] of bytes.entries()) a.mov(byte(table + code + n), value);
    a.mov(edi, NOTES)
      .mov(eax, window + next)
      .call(eax);
    for (let n = 0; n < 3; n++) {
      a.and(dword(table), ~0x20)
        .mov(eax, window + code)
        .call(eax);
      a.mov(mem(edi), ebx)
        .mov(mem(edi, { disp: 4 }), ecx)
        .xor(ecx, ecx)
        .add(edi, 8);
    }
  });
}

test.each<[string, Accel]>([
  ["interpreted", { kind: "interp" }],
  ["compiled", { kind: "jit", threshold: 0 }],
])("a branch whose page walk writes to its own code goes where it says, %s", async (_, accel) => {
  const machine = await Machine.create({ kernel: inItsPageTable(), memory: "8M", accel });
  expect(machine.runSync({ nanoseconds: 1_000_000 }).kind).not.toBe("limit");
  const bytes = machine.readPhysical(NOTES, 24);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  expect([0, 4, 8, 12, 16, 20].map((at) => view.getUint32(at, true))).toEqual([
    7, 0x55, 7, 0x55, 7, 0x55,
  ]);
});

/** A page table whose first bytes are an entry, with a function right behind it. */
const TABLE = DIRECTORY + 0x1000;
const FUNCTION = TABLE + 0x20;
/** What the entry maps, and where. */
const [FRAME, WINDOW] = [0x60_0000, 0x80_0000];
const PRESENT = 3;

/** Each round the function is called, and a read sets the accessed bit of the entry that stands beside it. */
const besideTable = (rounds: number): Uint8Array =>
  guest((a) => {
    a.mov(dword(DIRECTORY), LARGE_PAGE).mov(dword(DIRECTORY + 8), TABLE | PRESENT);
    a.mov(dword(FUNCTION), 0xc3_43).mov(dword(FRAME), 5);
    a.mov(eax, DIRECTORY).mov(cr3, eax).mov(eax, 0x10).mov(cr4, eax);
    a.mov(eax, cr0).or(eax, 0x8000_0000).mov(cr0, eax);
    a.mov(ebx, 0).mov(ecx, rounds);
    a.label("round");
    a.mov(dword(TABLE), FRAME | PRESENT)
      .mov(eax, FUNCTION)
      .call(eax);
    a.invlpg(mem(edi, { disp: WINDOW })).mov(edx, ebx);
    a.add(ebx, dword(WINDOW)).add(ebx, 1).dec(ecx).jnz("round");
  });

test("accessed bits that are set beside code leave the time and the rest as they are", async () => {
  const ends = new Set<string>();
  for (const accel of [{ kind: "interp" }, { kind: "jit", threshold: 0 }] as const) {
    const kernel = besideTable(500);
    const machine = await Machine.create({ kernel, memory: "16M", accel });
    machine.runSync({ nanoseconds: 20_000_000 });
    ends.add(
      `${machine.core.instructions()} ${machine.cpus[0]?.wide("rip")} ${machine.stateHash()}`,
    );
    expect(machine.cpus[0]?.general("rbx")).toBe(500n * 7n);
  }
  expect(ends.size).toBe(1);
});

test("a flag beside the loop that writes it leaves the loop's code as long as it stays as it is", async () => {
  const rounds = 200_000;
  const kernel = guest((a) => {
    a.mov(edx, rounds).jmp("start");
    a.label("flag");
    a.db(0);
    a.label("start");
    a.xor(ecx, ecx);
    a.label("loop");
    a.xchg(mem("flag"), cl).dec(edx).jnz("loop");
    // And no longer, when it is an instruction's: the constant that the next one loads.
    a.mov(ecx, 2);
    a.label("again");
    a.mov(mem("constant"), cl);
    a.db(0xb8);
    a.label("constant");
    a.dd(0);
    a.add(edx, eax).dec(ecx).jnz("again");
    a.mov(dword(RESULTS), edx);
  });
  const accel: Accel = { kind: "jit", threshold: 1000 };
  const machine = await Machine.create({ kernel, memory: "8M", accel });
  expect(machine.runSync({ nanoseconds: 10_000_000 }).kind).not.toBe("limit");
  const result = machine.readPhysical(RESULTS, 4);
  expect(new DataView(result.buffer, result.byteOffset).getUint32(0, true)).toBe(3);
  expect(machine.tierStatistics?.instructions).toBeGreaterThan(rounds);
});
