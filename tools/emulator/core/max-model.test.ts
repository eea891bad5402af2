// What the `max` model has and the default one lacks, apart from what computes: a guest turns each protection on, tries
// what it is about at CPL 0 and 3 and prints what happened, here and on QEMU, and the lines are compared. Follows
// Intel SDM vol. 2, vol. 3A, 2.5 (CR4) and 4.6.2 (protection keys), and vol. 1, 13.5.7 (PKRU in the XSAVE area).

import { beforeAll, describe, expect, test } from "vitest";
import type { Assembler } from "../../asm/index.ts";
import * as o from "../../asm/index.ts";
import { hasQemu } from "../../testing/host-tools.ts";
import { runOnQemu } from "../platform/testdata/qemu.ts";
import {
  exceptionsGuest,
  NO_EXECUTE,
  NOT_PRESENT,
  READ_ONLY,
  type Snippet,
  SUPERVISOR,
} from "./testdata/exceptions_guest.ts";
import { outcomeOf, runSnippets } from "./testdata/run_snippets.ts";

const { eax, ebx, ecx, edx, rax, rsp, cr0, cr3, cr4 } = o;

const UMIP = 1 << 11;

const snippets: Snippet[] = [];
/** What each snippet must report, "vector code". */
const expected: string[] = [];
const DONE = "40 0";
const UD = "6 0";
const GP0 = "d 0";
/** Snippets on which TCG of QEMU differs from the manual. */
const manual = new Set<number>();
/** What the default model reports where it must differ. */
const onDefault = new Map<number, string>();
const add = (cpl: 0 | 3, name: string, write: (a: Assembler) => void, outcome: string): void => {
  snippets.push({ name: `CPL ${cpl}: ${name}`, cpl, write });
  expected.push(outcome);
};
const setCr4 = (name: string, bits: number, on: boolean): void => {
  if (on) onDefault.set(snippets.length, GP0);
  add(
    0,
    `${on ? "set" : "clear"} CR4.${name}`,
    (a) => {
      a.mov(rax, cr4);
      if (on) a.or(eax, bits);
      else a.and(eax, ~bits);
      a.mov(cr4, rax);
    },
    DONE,
  );
};
/** CPUID leaf 7 must have these bits of `register` and not those of `without`; #UD if not. */
const leaf7 = (name: string, register: o.Reg, bits: number, without = 0): void => {
  onDefault.set(snippets.length, UD);
  add(
    0,
    `CPUID has ${name}`,
    (a) => {
      a.mov(eax, 7)
        .xor(ecx, ecx)
        .cpuid()
        .and(register, bits | without)
        .cmp(register, bits);
      a.db(0x74, 2).ud2();
    },
    DONE,
  );
};

// User-mode instruction prevention. Memory operands are below the stack's end.
const SHOWING: readonly (readonly [name: string, write: (a: Assembler) => void])[] = [
  ["SGDT", (a) => a.sub(rsp, 32).db(0x0f, 0x01, 0x04, 0x24)],
  ["SIDT", (a) => a.sub(rsp, 32).db(0x0f, 0x01, 0x0c, 0x24)],
  ["SLDT to a register", (a) => a.db(0x0f, 0x00, 0xc0)],
  ["SLDT to memory", (a) => a.sub(rsp, 32).db(0x0f, 0x00, 0x04, 0x24)],
  ["STR to a register", (a) => a.db(0x0f, 0x00, 0xc8)],
  ["STR to memory", (a) => a.sub(rsp, 32).db(0x0f, 0x00, 0x0c, 0x24)],
  ["SMSW to a register", (a) => a.db(0x0f, 0x01, 0xe0)],
  ["SMSW to memory", (a) => a.sub(rsp, 32).db(0x0f, 0x01, 0x24, 0x24)],
];
leaf7("UMIP", ecx, 1 << 2);
for (const on of [false, true]) {
  setCr4("UMIP", UMIP, on);
  for (const cpl of [0, 3] as const) {
    for (const [name, write] of SHOWING) {
      add(cpl, `${name}, UMIP ${on ? "on" : "off"}`, write, on && cpl === 3 ? GP0 : DONE);
    }
  }
}
setCr4("UMIP", UMIP, false);

// Cache lines: the address is checked as a read's is.
leaf7("CLFLUSHOPT and CLWB", ebx, 3 << 23);
for (const cpl of [0, 3] as const) {
  for (const [name, group] of [
    ["CLFLUSHOPT", 7],
    ["CLWB", 6],
  ] as const) {
    const line = (where: string, address: number, outcome: string): void => {
      // TCG does not look at the page.
      if (outcome !== DONE) manual.add(snippets.length);
      if (group === 6) onDefault.set(snippets.length, UD);
      const write = (a: Assembler) => a.mov(rax, address).db(0x66, 0x0f, 0xae, group << 3);
      add(cpl, `${name} of ${where}`, write, outcome);
    };
    line("a read-only page", READ_ONLY, DONE);
    line("a no-execute page", NO_EXECUTE, DONE);
    line("a supervisor page", SUPERVISOR, cpl === 3 ? "e 5" : DONE);
    line("a page that is not present", NOT_PRESENT, cpl === 3 ? "e 4" : "e 0");
    const lock = (a: Assembler) => a.mov(rax, READ_ONLY).db(0xf0, 0x66, 0x0f, 0xae, group << 3);
    add(cpl, `${name} with LOCK`, lock, UD);
  }
}

// Protection keys. Key 1 is that of the read-only page, of the supervisor page and of one with all rights.
const PKE = 1 << 22;
const KEYED = 0xe0_0000;
const KEY_1 = 1 << 27;
/** Where the no-execute page has an XSAVE area. */
const AREA = NO_EXECUTE;
const RDPKRU = [0x0f, 0x01, 0xee];
const WRPKRU = [0x0f, 0x01, 0xef];
const setPkru = (a: Assembler, rights: number): Assembler =>
  a
    .xor(ecx, ecx)
    .xor(edx, edx)
    .mov(eax, rights)
    .db(...WRPKRU);
/** #UD unless RAX, 32 bits, is `value`. */
const mustBe = (a: Assembler, value: number): Assembler => a.cmp(eax, value).db(0x74, 2).ud2();
leaf7("PKU and no OSPKE", ecx, 1 << 3, 1 << 4);
for (const cpl of [0, 3] as const) {
  add(cpl, "RDPKRU without CR4.PKE", (a) => a.xor(ecx, ecx).db(...RDPKRU), UD);
  add(cpl, "WRPKRU without CR4.PKE", (a) => setPkru(a, 0), UD);
}
add(
  0,
  "three pages get key 1, and INT 0x40",
  (a) => {
    a.mov(o.dword(o.sym("pd", 7 * 8)), KEYED | 0x87);
    for (const page of [3, 4, 7]) a.mov(o.dword(o.sym("pd", page * 8 + 4)), KEY_1);
    a.mov(rax, cr3).mov(cr3, rax).mov(o.dword(KEYED), 0x40cd);
  },
  DONE,
);
setCr4("PKE", PKE, true);
leaf7("PKU and OSPKE", ecx, 3 << 3);
for (const cpl of [0, 3] as const) {
  const one = (register: o.Reg) => (a: Assembler) => a.xor(ecx, ecx).xor(edx, edx).inc(register);
  add(cpl, "RDPKRU with ECX 1", (a) => one(ecx)(a).db(...RDPKRU), GP0);
  add(cpl, "WRPKRU with ECX 1", (a) => one(ecx)(a).db(...WRPKRU), GP0);
  add(cpl, "WRPKRU with EDX 1", (a) => one(edx)(a).db(...WRPKRU), GP0);
  add(cpl, "RDPKRU with EDX 1", (a) => one(edx)(a).db(...RDPKRU), DONE);
  add(cpl, "LOCK RDPKRU", (a) => a.xor(ecx, ecx).db(0xf0, ...RDPKRU), UD);
  const readBack = (a: Assembler) =>
    mustBe(
      setPkru(a, 0x5550)
        .dec(rax)
        .db(...RDPKRU),
      0x5550,
    );
  add(cpl, "RDPKRU of what WRPKRU wrote", readBack, DONE);
}
const setWp = (on: boolean): void =>
  add(0, `${on ? "set" : "clear"} CR0.WP`, (a) => a.mov(rax, cr0).btc(rax, 16).mov(cr0, rax), DONE);
/** Bits of PKRU for key 1, and for key 2, which no page has. */
const RIGHTS = {
  "no rights denied": 0,
  AD: 4,
  WD: 8,
  "AD and WD": 12,
  "AD of key 2": 0x10,
} as const;
for (const wp of [true, false]) {
  if (!wp) setWp(false);
  for (const cpl of [0, 3] as const) {
    for (const [name, rights] of Object.entries(RIGHTS)) {
      for (const [page, address] of [
        ["a page with all rights", KEYED],
        ["a read-only page", READ_ONLY],
        ["a supervisor page", SUPERVISOR],
      ] as const) {
        for (const writing of [false, true]) {
          // The translation is there with other rights before they change.
          const write = (a: Assembler): void => {
            setPkru(a, 0);
            if (cpl === 0 || address !== SUPERVISOR) a.mov(eax, o.dword(address));
            if (address === KEYED) a.mov(o.dword(address), eax);
            setPkru(a, rights);
            if (writing) a.mov(o.dword(address), 0x40cd);
            else a.mov(eax, o.dword(address));
          };
          const checked = cpl === 3 || wp;
          const key =
            address !== SUPERVISOR &&
            ((rights & 4) !== 0 || (writing && checked && (rights & 8) !== 0));
          const other =
            address === SUPERVISOR ? cpl === 3 : address === READ_ONLY && writing && checked;
          const code = 1 | (writing ? 2 : 0) | (cpl === 3 ? 4 : 0) | (key ? 0x20 : 0);
          const what = `${writing ? "write" : "read"} ${page}, ${name}${wp ? "" : ", no CR0.WP"}`;
          add(cpl, what, write, key || other ? `e ${code.toString(16)}` : DONE);
        }
      }
      const jump = (a: Assembler) => setPkru(a, rights).mov(eax, KEYED).jmp(rax);
      add(cpl, `execute, ${name}`, jump, DONE);
    }
  }
}
setWp(true);
add(0, "clear PKRU's rights for key 1", (a) => setPkru(a, 12), DONE);
setCr4("PKE", PKE, false);
add(3, "a key without CR4.PKE", (a) => a.mov(eax, o.dword(KEYED)), DONE);
setCr4("PKE", PKE, true);
// TCG keeps its translations.
manual.add(snippets.length);
add(3, "the key with CR4.PKE again", (a) => a.mov(eax, o.dword(KEYED)), "e 25");

// The same for supervisor pages, by IA32_PKRS.
const PKS = 1 << 24;
const setPkrs = (a: Assembler, rights: number, high = 0): Assembler =>
  a.mov(ecx, 0x6e1).mov(edx, high).mov(eax, rights).wrmsr();
leaf7("PKS", ecx, 1 << 31);
// TCG ignores reserved bits.
manual.add(snippets.length);
add(0, "WRMSR of PKRS, upper half", (a) => setPkrs(a, 0, 1), GP0);
onDefault.set(snippets.length, GP0);
add(0, "RDMSR of PKRS", (a) => mustBe(setPkrs(a, 0x5550).dec(rax).rdmsr(), 0x5550), DONE);
add(0, "a key without CR4.PKS", (a) => setPkrs(a, 12).mov(eax, o.dword(SUPERVISOR)), DONE);
add(3, "PKRU for the user pages", (a) => setPkru(a, 0), DONE);
setCr4("PKS", PKS, true);
add(0, "the key with CR4.PKS", (a) => a.mov(eax, o.dword(SUPERVISOR)), "e 21");
for (const wp of [true, false]) {
  if (!wp) setWp(false);
  for (const [name, rights] of Object.entries(RIGHTS)) {
    for (const writing of [false, true]) {
      const what = `${writing ? "write" : "read"} a supervisor page, ${name} by PKRS`;
      const access = (a: Assembler, address: number): Assembler =>
        writing ? a.mov(o.dword(address), ecx) : a.mov(ecx, o.dword(address));
      const key = (rights & 4) !== 0 || (writing && wp && (rights & 8) !== 0);
      const outcome = key ? `e ${writing ? 23 : 21}` : DONE;
      const changed = (a: Assembler) => {
        setPkrs(a, 0).mov(ecx, o.dword(SUPERVISOR)).mov(o.dword(SUPERVISOR), ecx);
        access(setPkrs(a, rights), SUPERVISOR);
      };
      add(0, `${what}${wp ? "" : ", no CR0.WP"}`, changed, outcome);
      add(3, what, (a) => access(a, SUPERVISOR), writing ? "e 7" : "e 5");
      add(3, `${what}: a user page`, (a) => access(a, KEYED), DONE);
    }
  }
}
setWp(true);

// PKRU is component 9 of the XSAVE area.
const COMPONENT = 1 << 9;
const setXcr0 = (name: string, components: number, outcome: string): void =>
  add(
    0,
    `XCR0 = ${name}`,
    (a) => a.xor(ecx, ecx).xor(edx, edx).mov(eax, components).xsetbv(),
    outcome,
  );
setCr4("OSXSAVE", 1 << 18, true);
onDefault.delete(snippets.length - 1);
setXcr0("x87, SSE and component 3", 0xb, GP0);
onDefault.set(snippets.length, GP0);
setXcr0("x87 and PKRU", 1 | COMPONENT, DONE);
add(
  0,
  "CPUID tells of component 9",
  (a) => mustBe(a.mov(eax, 0xd).mov(ecx, 9).cpuid(), 8).mov(eax, ebx),
  DONE,
);
const withComponent = (a: Assembler): Assembler => a.xor(edx, edx).mov(eax, COMPONENT);
for (const cpl of [0, 3] as const) {
  add(
    cpl,
    "XSAVE and XRSTOR of PKRU",
    (a) => {
      withComponent(setPkru(a, 12)).xsave(o.mem(AREA));
      mustBe(a.mov(eax, o.dword(AREA + 512)).and(eax, COMPONENT), COMPONENT);
      mustBe(a.mov(eax, o.dword(AREA + 2688)), 12);
      withComponent(setPkru(a, 0).mov(ecx, o.dword(KEYED))).xrstor(o.mem(AREA));
      mustBe(a.xor(ecx, ecx).db(...RDPKRU), 12).mov(eax, o.dword(KEYED));
    },
    cpl === 3 ? "e 25" : "e 21",
  );
  add(
    cpl,
    "XRSTOR of PKRU's initial state",
    (a) => {
      withComponent(setPkru(a, 12).mov(o.dword(AREA + 512), 0)).xrstor(o.mem(AREA));
      mustBe(a.xor(ecx, ecx).db(...RDPKRU), 0).mov(eax, o.dword(KEYED));
    },
    DONE,
  );
}

const guest = exceptionsGuest(snippets);

describe("the max model", () => {
  let lines: string[] = [];
  beforeAll(async () => {
    ({ lines } = await runSnippets(guest, "max"));
  });
  const named = (all: readonly string[]): string[] =>
    snippets.map(({ name }, i) => `${name}: ${all[i]?.trim()}`);

  test("vector and error code are the manual's", () => {
    expect(named(lines.map(outcomeOf))).toEqual(named(expected));
  });

  test.skipIf(!hasQemu)("vector, error code, RIP, CS, flags and CR2 are QEMU's", () => {
    const oracle = runOnQemu(guest, [], ["-cpu", "max"]).debugcon.trimEnd().split("\n");
    const shared = (all: readonly string[]): string[] =>
      named(all).filter((_, i) => !manual.has(i));
    expect(shared(lines)).toEqual(shared(oracle));
  });

  test("the default model has none of it", async () => {
    const all = (await runSnippets(guest)).lines.map(outcomeOf);
    for (const [i, expected] of onDefault) expect(all[i], snippets[i]?.name).toBe(expected);
  });
});
