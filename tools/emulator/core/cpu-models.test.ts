// CPU models by QEMU's names: what CPUID says against QEMU's, that nothing is there that CPUID does not say, and the fast
// system calls of AMD's processors, in legacy and compatibility mode.

import { describe, expect, test } from "vitest";
import * as o from "../../asm/index.ts";
import { hasQemu } from "../../testing/host-tools.ts";
import { firmwareHere, flashOnQemu } from "../platform/testdata/firmware-runs.ts";
import {
  CODE_BASE,
  type FlashAccess,
  firmware,
  flashImage,
  printRoutine,
} from "../platform/testdata/flash-guest.ts";
import { CPU_MODEL_NAMES, cpuDescription } from "./cpu-models.ts";
import { exceptionsGuest } from "./testdata/exceptions_guest.ts";
import { outcomeOf, runSnippets } from "./testdata/run_snippets.ts";

const LEAVES: FlashAccess[] = [
  0, 1, 7, 0x80000000, 0x80000001, 0x80000002, 0x80000003, 0x80000004,
].map((cpuid) => ({ cpuid }));

interface Identity {
  /** The last basic leaf, no more than 0Dh, and whether there are extended ones. */
  level: number;
  hasExtended: boolean;
  vendor: string;
  signature: number;
  brand: string;
  /** Leaf 1 ECX and EDX, leaf 7 EBX and ECX, leaf 80000001h ECX and EDX. */
  features: number[];
}

const wordsOf = (log: string): number[] =>
  log
    .trimEnd()
    .split("\n")
    .map((line) => Number.parseInt(line, 16));

function identityOf(log: string): Identity {
  const w = wordsOf(log);
  const text = (words: readonly (number | undefined)[]): string => {
    const bytes = words.flatMap((word = 0) => [0, 8, 16, 24].map((s) => (word >>> s) & 0xff));
    return String.fromCharCode(...bytes.filter((byte) => byte !== 0));
  };
  const at = (i: number): number => w[i] as number;
  const level = Math.min(at(0), 0xd);
  const hasExtended = at(12) >= 0x8000_0000;
  // Leaves that are not there answer like the last one that is.
  const extended = (i: number): number => (hasExtended ? at(i) : 0);
  return {
    level,
    hasExtended,
    vendor: text([w[1], w[3], w[2]]),
    signature: at(4),
    // AMD's have bits of leaf 1 there, too.
    features: [
      at(6),
      at(7),
      level < 7 ? 0 : at(9),
      level < 7 ? 0 : at(10),
      extended(18),
      (extended(19) & ~0x0183f3ff) >>> 0,
    ],
    brand: hasExtended ? text(w.slice(20, 32)).trim() : "",
  };
}

const named = CPU_MODEL_NAMES.filter((name) => !["default", "max", "host"].includes(name));

/** OSXSAVE, OSPKE and several CPUs: none of a model. */
const BESIDE = [0x08000000, 0x10000000, 0, 0x10, 0, 0];

describe.skipIf(!hasQemu)("models of QEMU's names", () => {
  const image = flashImage(LEAVES, 0x10000);
  const both = async (cpu: string) => ({
    ours: identityOf(await firmwareHere(image, 0xe9, { cpu })),
    theirs: identityOf(flashOnQemu(image, ["-cpu", cpu])),
  });

  test.each(named)("%s is QEMU's, as far as both go", async (cpu) => {
    const most = await both("max");
    const { ours, theirs } = await both(cpu);
    const common = most.ours.features.map(
      (word, i) => word & (most.theirs.features[i] as number) & ~(BESIDE[i] as number),
    );
    const known = (features: number[]) =>
      features.map((word, i) => ((word & (common[i] as number)) >>> 0).toString(16));
    expect({ ...ours, features: known(ours.features) }).toEqual({
      ...theirs,
      features: known(theirs.features),
    });
  });
});

test("features are added and left out by their names, and the vendor is any", async () => {
  const image = flashImage(LEAVES, 0x10000);
  const of = async (cpu: string) => identityOf(await firmwareHere(image, 0xe9, { cpu }));
  const plain = await of("Haswell");
  const changed = await of("Haswell,-avx2,+umip,rdseed=on,fma=off,vendor=AuthenticAMD,check");
  expect(changed.vendor).toBe("AuthenticAMD");
  const differ = changed.features.map((word, i) => (word ^ (plain.features[i] as number)) >>> 0);
  expect(differ).toEqual([1 << 12, 0, (1 << 5) | (1 << 18), 1 << 2, 0, 0]);
  expect((await of("max,-la57")).features[3]).toBe(0x8000000c);
});

describe("properties", () => {
  const leaves = [...LEAVES, ...[0x40000000, 0x40000001].map((cpuid) => ({ cpuid }))];
  const image = flashImage(leaves, 0x10000);
  const of = async (cpu: string) => {
    const log = await firmwareHere(image, 0xe9, { cpu });
    return { ...identityOf(log), words: wordsOf(log) };
  };

  test("numbers and names are what the line says", async () => {
    const line = "qemu64,family=0x17,model=49,stepping=3,model-id=Own brand,level=7,+sse4_1";
    const plain = identityOf(await firmwareHere(image, 0xe9, { cpu: "qemu64" }));
    expect(await of(line)).toMatchObject({
      level: 7,
      signature: 0x830f13,
      brand: "Own brand",
      features: plain.features.map((word, i) => (i === 0 ? (word | (1 << 19)) >>> 0 : word)),
    });
    expect((await of("max,xlevel=0")).hasExtended).toBe(false);
  });

  test.skipIf(!hasQemu)("the same numbers on QEMU", async () => {
    const cpu = "Haswell,family=31,model=0xa5,stepping=9,level=0xb,xlevel=0x80000004,-hypervisor";
    const ours = await of(cpu);
    const theirs = identityOf(flashOnQemu(image, ["-cpu", cpu]));
    expect([ours.signature, ours.level, ours.brand, (ours.features[0] as number) >>> 31]).toEqual([
      theirs.signature,
      theirs.level,
      theirs.brand,
      (theirs.features[0] as number) >>> 31,
    ]);
  });

  test("a virtual machine is one unless the line says no", async () => {
    const yes = await of("default");
    expect((yes.features[0] as number) >>> 31).toBe(1);
    expect(yes.words.slice(32, 36)).toEqual([0x40000001, 0x68697254, 0x6f726465, 0x756d456e]);
    expect(yes.words.slice(36)).toEqual([0, 0, 0, 0]);
    const no = await of("default,-hypervisor");
    expect((no.features[0] as number) >>> 31).toBe(0);
    // As the last basic leaf, which is 0Dh.
    expect(no.words[32]).toBe(7);
  });

  test("what QEMU knows and nothing here has is told, and with enforce refused", () => {
    expect(
      cpuDescription(
        "host,+vmx,pmu=on,+avx512f,kvm_pv_unhalt=on,-svm,hv_time,migratable=no,+invtsc",
      ).absent,
    ).toEqual(["vmx", "pmu", "avx512f", "kvm_pv_unhalt"]);
    expect(() => cpuDescription("host,+vmx,enforce")).toThrow("there is no vmx here");
    expect(() => cpuDescription("host,+vmz")).toThrow("CPU feature vmz");
    expect(() => cpuDescription("host,family=700")).toThrow("family=700: expected 0 to 270");
    expect(() => cpuDescription("host,phys-bits=52")).toThrow("addresses have 39 bits");
    expect(cpuDescription("Skylake-Server-noTSX-IBRS").words).toEqual(
      cpuDescription("Skylake-Server-v3").words,
    );
    expect(() => cpuDescription("EPYC-noTSX")).toThrow("CPU model EPYC-noTSX");
  });
});

/** An instruction of each feature; all end without a fault where it is there. */
const INSTRUCTIONS: readonly [feature: string, write: (a: o.Assembler) => void][] = [
  ["ssse3", (a) => a.pshufb(o.xmm0, o.xmm1)],
  ["sse4.1", (a) => a.pmulld(o.xmm0, o.xmm1)],
  ["sse4.2", (a) => a.crc32(o.eax, o.ecx)],
  ["aes", (a) => a.aesenc(o.xmm0, o.xmm1)],
  ["pclmulqdq", (a) => a.pclmulqdq(o.xmm0, o.xmm1, 0)],
  ["popcnt", (a) => a.popcnt(o.eax, o.ecx)],
  ["movbe", (a) => a.movbe(o.eax, o.dword(o.rsp))],
  ["rdrand", (a) => a.rdrand(o.eax)],
  ["rdseed", (a) => a.rdseed(o.eax)],
  ["adx", (a) => a.adcx(o.eax, o.ecx)],
  ["sha-ni", (a) => a.sha1msg1(o.xmm0, o.xmm1)],
  ["cx16", (a) => a.sub(o.rsp, 64).and(o.rsp, -16).cmpxchg16b(o.mem(o.rsp))],
  ["rdtscp", (a) => a.rdtscp()],
  ["monitor", (a) => a.mov(o.rax, o.rsp).xor(o.ecx, o.ecx).xor(o.edx, o.edx).monitor()],
  ["smap", (a) => a.clac()],
];

test("nothing counts performance, wherever one asks", async () => {
  // Intel SDM vol. 4, table 2-2, MISC_ENABLE: bit 7 monitoring, 11 and 12 that BTS and PEBS are unavailable.
  const MISC_ENABLE = 0x1a0;
  const script: FlashAccess[] = [
    { msr: MISC_ENABLE },
    { msr: MISC_ENABLE, value: 0x81 },
    { msr: MISC_ENABLE },
    { cpuid: 0xa },
    { cpuid: 1 },
  ];
  const log = await firmwareHere(flashImage(script, 0x10000), 0xe9, { cpu: "max" });
  const words = wordsOf(log);
  expect(words.slice(0, 6)).toEqual([0x1801, 0x1801, 0, 0, 0, 0]);
  const [, , ecx, edx] = words.slice(6) as [number, number, number, number];
  // PDCM, and the debug store.
  expect((ecx >> 15) & 1).toBe(0);
  expect((edx >> 21) & 1).toBe(0);
});

describe("AMD's counters of performance, which CPUID does not announce, are there and count nothing", () => {
  // PerfEvtSel0 would count cycles; the last of eight is PerfCtr3 (AMD64 APM vol. 2, 13.2.1).
  const script: FlashAccess[] = [0xc001_0000, 0xc001_0004, 0xc001_0007].flatMap((msr) => [
    { msr },
    { msr, value: 0x53_0076 },
    { msr },
  ]);
  const image = flashImage(script, 0x10000);
  const zeros = "00000000\n".repeat(6);

  test.each(["EPYC", "qemu64", "max,vendor=AuthenticAMD"])("-cpu %s", async (cpu) => {
    expect(await firmwareHere(image, 0xe9, { cpu })).toBe(zeros);
  });

  test.skipIf(!hasQemu)("they are QEMU's", () => {
    expect(flashOnQemu(image, ["-cpu", "EPYC"])).toBe(zeros);
  });

  test("an Intel processor has none", async () => {
    expect(await firmwareHere(image, 0xe9, { cpu: "max" })).toBe("");
  });
});

test("what CPUID does not say is not there", async () => {
  const snippets = INSTRUCTIONS.map(([name, write]) => ({ name, cpl: 0 as const, write }));
  const kernel = exceptionsGuest(snippets);
  const without = INSTRUCTIONS.map(([name]) => `-${name}`).join(",");
  const outcomes = async (cpu: string) => (await runSnippets(kernel, cpu)).lines.map(outcomeOf);
  expect(await outcomes("max")).toEqual(snippets.map(() => "40 0"));
  expect(await outcomes(`max,${without}`)).toEqual(snippets.map(() => "6 0"));
});

describe("bits that turn on what CPUID does not say cannot be set", () => {
  // IA32_APIC_BASE.EXTD, IA32_EFER.SCE, LME and NXE (Intel SDM vol. 4, table 2-2): else #GP, here CLI and HLT.
  const handler: FlashAccess[] = [
    { memory: 13 * 4, size: 4, value: 0x600 },
    { memory: 0x600, size: 2, value: 0xf4fa },
  ];
  const switches = [
    ["x2apic", 0x1b, 0xfee0_0d00],
    ["syscall", EFER, 1],
    ["lm", EFER, 0x100],
    ["nx", EFER, 0x800],
  ] as const;
  const goesOn = async (image: Uint8Array, cpu: string): Promise<boolean> =>
    (await firmwareHere(image, 0xe9, { cpu })).startsWith("0000000d\n");

  test.each(switches)("%s", async (name, msr, value) => {
    const image = flashImage([...handler, { msr, value }, { cpuid: 0 }], 0x10000);
    expect(await goesOn(image, "max")).toBe(true);
    expect(await goesOn(image, `max,-${name}`)).toBe(false);
  });
});

test.each([
  ["8086", "CPU model 8086: the models are default, max"],
  ["max,avx=maybe", "CPU feature avx=maybe: expected on or off"],
  ["max,vendor=Me", "vendor=Me: expected 12 characters"],
])("-cpu %s is refused", (text, message) => {
  expect(() => cpuDescription(text)).toThrow(message);
});

const { eax, ecx, edx, esp, ax, cr0, cr3, cr4, ds, es, ss, cs, al } = o;

const [CODE32, DATA, CODE64] = [0x08, 0x10, 0x28];
const TABLES = 0x2000;
const [EFER, STAR, LSTAR, CSTAR, FMASK] = [
  0xc0000080, 0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084,
];
const UD_GATE = 0x4000;

/**
 * SYSCALL at CPL 0 and 3 and SYSRET in legacy mode, then in compatibility mode, then SYSENTER: prints where each comes
 * to, with the selectors, ECX and the flags.
 */
const fastCalls = firmware((a) => {
  const at = (label: string) => o.sym(label, CODE_BASE);
  const msr = (index: number, low: number | o.SymbolRef, high = 0): void => {
    a.mov(ecx, index).mov(eax, low).mov(edx, high).wrmsr();
  };
  const show = (print: string, value: () => void): void => {
    value();
    a.call(print);
  };
  /** Numbers of `place`, CS and SS; then what is kept in ESI: ECX of the call. */
  const selectors = (print: string, place: number): void => {
    show(print, () => a.mov(eax, place));
    show(print, () => a.xor(eax, eax).mov(ax, cs));
    show(print, () => a.xor(eax, eax).mov(ax, ss));
  };
  a.lgdt(o.mem("gdtr")).mov(eax, cr0).or(al, 1).mov(cr0, eax);
  a.db(0x66, 0xea).dd(at("protected")).dw(CODE32);
  a.bits(32);
  a.label("protected");
  a.mov(ax, DATA).mov(ds, ax).mov(es, ax).mov(ss, ax).mov(esp, 0x7000);
  // IOPL 3, so that CPL 3 may print.
  a.pushfd().or(o.dword(esp), 0x3000).popfd();
  msr(EFER, 1);
  // SYSRET's base is 10h: SS 18h, CS 10h in legacy mode.
  msr(STAR, at("legacy_handler"), (0x18 << 16) | CODE32);
  a.syscall();
  a.label("legacy_back");
  a.label("legacy_handler");
  a.mov(o.esi, ecx).pushfd().pop(o.edi);
  selectors("print32", 1);
  show("print32", () => a.mov(eax, o.esi).sub(eax, at("legacy_back")));
  show("print32", () => a.mov(eax, o.edi).and(eax, 0x3300));
  // Compatibility mode: 2 MiB from 0 on, as pages of a size.
  a.mov(o.dword(TABLES), (TABLES + 0x1000) | 3).mov(
    o.dword(TABLES + 0x1000),
    (TABLES + 0x2000) | 7,
  );
  a.mov(o.dword(TABLES), (TABLES + 0x1000) | 7).mov(o.dword(TABLES + 0x2000), 0x87);
  a.mov(eax, TABLES).mov(cr3, eax).mov(eax, cr4).or(eax, 0x20).mov(cr4, eax);
  msr(EFER, 0x101);
  msr(STAR, 0, (0x18 << 16) | CODE64);
  msr(LSTAR, 0);
  msr(CSTAR, at("compatible_handler"));
  msr(FMASK, 0x200);
  a.xor(o.ebp, o.ebp);
  a.lidt(o.mem(at("idtr")));
  // #UD: a gate of 64-bit code.
  a.mov(eax, at("undefined"))
    .mov(ecx, eax)
    .and(ecx, 0xffff)
    .or(ecx, CODE64 << 16);
  a.mov(o.dword(UD_GATE + 6 * 16), ecx)
    .and(eax, 0xffff0000)
    .or(eax, 0x8e00);
  a.mov(o.dword(UD_GATE + 6 * 16 + 4), eax);
  a.mov(eax, cr0).or(eax, 0x80000000).mov(cr0, eax);
  a.syscall();
  a.label("compatible_back");
  a.hlt();
  a.bits(64);
  a.label("compatible_handler");
  a.inc(o.ebp).cmp(o.ebp, 2).je("again");
  a.mov(o.esi, ecx).mov(o.edi, o.r11d);
  a.mov(esp, 0x7000);
  selectors("print64", 2);
  show("print64", () => a.mov(eax, o.esi).sub(eax, at("compatible_back")));
  show("print64", () => a.mov(eax, o.edi).and(eax, 0x3300));
  a.mov(ecx, at("user")).mov(o.r11d, 0x3002);
  a.sysretd();
  a.bits(32);
  a.label("user");
  a.mov(esp, 0x6800);
  selectors("print32", 3);
  // From CPL 3, where SYSENTER is undefined.
  a.syscall();
  a.bits(64);
  a.label("again");
  a.mov(esp, 0x7000).sysenter();
  a.label("undefined");
  a.mov(esp, 0x7000);
  selectors("print64", 4);
  a.mov(edx, 0xf4).mov(eax, 0).out(o.dx, al).hlt();
  printRoutine(a, "print64");
  a.bits(32);
  printRoutine(a, "print32");
  a.align(8, 0);
  a.label("gdt");
  a.dd(0, 0);
  a.dd(0x0000ffff, 0x00cf9b00).dd(0x0000ffff, 0x00cf9300);
  a.dd(0x0000ffff, 0x00cffb00).dd(0x0000ffff, 0x00cff300).dd(0x0000ffff, 0x00af9b00);
  a.dd(0x0000ffff, 0x00cf9300);
  a.label("gdtr");
  a.dw(6 * 8 + 7).dd(at("gdt"));
  a.label("idtr");
  a.dw(0xff).dd(UD_GATE);
});

test.skipIf(!hasQemu)("AMD's fast system calls are QEMU's", async () => {
  const theirs = flashOnQemu(fastCalls, ["-cpu", "EPYC"]);
  expect(theirs.trimEnd().split("\n").length).toBe(16);
  expect(await firmwareHere(fastCalls, 0xe9, { cpu: "EPYC" })).toBe(theirs);
});
