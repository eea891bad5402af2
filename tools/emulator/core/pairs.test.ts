// Two instructions that the interpreter executes in one step are two: each has its own time, its own faults and
// breakpoints, and the first one may change the second.

import { expect, test } from "vitest";
import { cr0, cr3, cr4, dword, eax, ebx, ecx, edx, esi, esp, mem, sym } from "../../asm/index.ts";
import { Machine } from "../host/machine.ts";
import type { Accel } from "../jit/accel.ts";
import type { CpuAccess } from "../platform/cpu-access.ts";
import { guest, loadIdt } from "../platform/testdata/guest.ts";
import { handlersInUse } from "../tier-fuzz/mutant-core.ts";

const [DIRECTORY, RESULTS] = [0x20_0000, 0x60_0000];
const LARGE_PAGE = 0x83;
/** No page. */
const NOWHERE = 0x80_0000;
const APIC = 0xfee0_0000;
const PAGE_FAULT = 14;
const ONES = 0x1111_1111;

const TIERS: [string, Accel][] = [
  ["interpreted", { kind: "interp" }],
  ["compiled", { kind: "jit", threshold: 0 }],
];

async function results(program: Uint8Array, accel: Accel, count: number): Promise<number[]> {
  const machine = await Machine.create({ kernel: program, memory: "8M", accel });
  expect(machine.runSync({ nanoseconds: 1_000_000 }).kind).not.toBe("limit");
  const bytes = machine.readPhysical(RESULTS, 4 * count);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return Array.from({ length: count }, (_, n) => view.getUint32(4 * n, true));
}

test("pairs are made of instructions that stand behind each other", async () => {
  const program = guest((a) => {
    a.mov(ecx, dword(RESULTS)).mov(ebx, dword(RESULTS)).add(ecx, ebx);
  });
  const machine = await Machine.create({
    kernel: program,
    memory: "8M",
    accel: { kind: "interp" },
  });
  machine.runSync({ nanoseconds: 1_000_000 });
  const { core } = machine;
  const handlers = [...handlersInUse(core, 0x10_0000, 0x1000)];
  const pairs = handlers.filter((handler) => core.plain_handler(handler) !== handler);
  expect(pairs).toHaveLength(1);
  expect(core.plain_handler(core.plain_handler(pairs[0] as number))).toBe(
    core.plain_handler(pairs[0] as number),
  );
});

test.each(TIERS)(
  "the second of two reads of a clock is as late as any other, %s",
  async (_, accel) => {
    const program = guest((a) => {
      const apic = (register: number): ReturnType<typeof dword> => dword(APIC + register);
      a.mov(apic(0xf0), 0x1ff).mov(apic(0x3e0), 0xb).mov(apic(0x320), 0x1_0040);
      a.mov(apic(0x380), 0xffff_ffff).xor(edx, edx);
      a.mov(esi, apic(0x390)).mov(ebx, apic(0x390));
      a.mov(ecx, apic(0x390)).add(edx, apic(0x390));
      a.sub(esi, ebx)
        .sub(ecx, edx)
        .mov(dword(RESULTS), esi)
        .mov(dword(RESULTS + 4), ecx);
    });
    const [paired, apart] = await results(program, accel, 2);
    expect(paired).toBeGreaterThan(0);
    expect(paired).toBe(apart);
  },
);

test.each(TIERS)(
  "a fault of the second is its own, and the first one is done, %s",
  async (_, accel) => {
    const program = guest((a) => {
      a.mov(dword(RESULTS + 16), ONES);
      a.mov(dword(DIRECTORY), LARGE_PAGE).mov(dword(DIRECTORY + 4), 0x40_0000 | LARGE_PAGE);
      a.mov(eax, DIRECTORY).mov(cr3, eax).mov(eax, 0x10).mov(cr4, eax);
      loadIdt(a, { [PAGE_FAULT]: "fault" });
      a.mov(eax, cr0).or(eax, 0x8000_0000).mov(cr0, eax).xor(edx, edx).jmp("pair");
      a.label("pair");
      a.mov(edx, dword(RESULTS + 16));
      a.label("second");
      a.mov(ebx, dword(NOWHERE));
      a.label("fault");
      a.mov(ecx, mem(esp, { disp: 4 }))
        .mov(dword(RESULTS), ecx)
        .mov(dword(RESULTS + 4), edx);
      a.mov(esi, "second").mov(dword(RESULTS + 8), esi);
    });
    const [rip, first, second] = await results(program, accel, 3);
    expect(rip).toBe(second);
    expect(first).toBe(ONES);
  },
);

test.each(TIERS)("what the first one writes into the second is executed, %s", async (_, accel) => {
  const program = guest((a) => {
    a.mov(ecx, 2).mov(ebx, ONES);
    a.label("again");
    // MOV [disp32], EBX: the displacement is behind two bytes.
    a.mov(edx, ecx).shl(edx, 2).add(edx, RESULTS).jmp("pair");
    a.label("pair");
    a.mov(dword(sym("second", 2)), edx);
    a.label("second");
    a.mov(dword(0x61_0000), ebx);
    a.add(ebx, ebx).dec(ecx).jns("again");
  });
  expect(await results(program, accel, 3)).toEqual([4 * ONES, 2 * ONES, ONES]);
});

test("a breakpoint at the second stops between them", async () => {
  const program = guest((a) => {
    a.mov(dword(RESULTS), ONES)
      .mov(esi, "second")
      .mov(dword(RESULTS + 4), esi)
      .jmp("pair");
    a.label("pair");
    a.mov(ecx, dword(RESULTS));
    a.label("second");
    a.mov(ebx, dword(RESULTS)).mov(dword(RESULTS + 8), ebx);
  });
  const probe = await Machine.create({ kernel: program, memory: "8M", accel: { kind: "interp" } });
  probe.runSync({ nanoseconds: 1_000_000 });
  const bytes = probe.readPhysical(RESULTS + 4, 4);
  const second = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const machine = await Machine.create({
    kernel: program,
    memory: "8M",
    accel: { kind: "interp" },
  });
  machine.core.set_breakpoint(BigInt(second), 1);
  expect(machine.runSync({ nanoseconds: 1_000_000 }).kind).toBe("debug");
  const [cpu] = machine.cpus as [CpuAccess];
  expect([cpu.wide("rip"), cpu.general("rcx")]).toEqual([BigInt(second), BigInt(ONES)]);
  expect(cpu.general("rbx")).not.toBe(BigInt(ONES));
});
