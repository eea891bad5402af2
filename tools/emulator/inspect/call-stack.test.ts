// Call stacks of guests that stop at a place whose callers are known.

import { expect, test } from "vitest";
import {
  type Assembler,
  eax,
  ebp,
  ebx,
  ecx,
  edx,
  esi,
  esp,
  Assembler as NewAssembler,
  qword,
  r12,
  rax,
  rbx,
  rsp,
} from "../../asm/index.ts";
import { Machine } from "../host/machine.ts";
import { guest } from "../platform/testdata/guest.ts";
import { callStack, endsWithCall } from "./call-stack.ts";
import { SymbolTable } from "./symbols.ts";

const FUNCTIONS = ["entry", "outer", "middle", "inner", "neighbour", "panic", "poweroff"];

/** Symbols with sizes, as compilers write them; the assembler's labels have none. */
function functions(address: (name: string) => bigint | undefined): SymbolTable {
  const found = FUNCTIONS.flatMap((name) => {
    const at = address(name);
    return at === undefined ? [] : [{ name, at }];
  }).sort((a, b) => Number(a.at - b.at));
  return new SymbolTable(
    found.map(({ name, at }, i) => {
      const size = (found[i + 1]?.at ?? at + 32n) - at;
      return { name, address: at, size, reach: size, code: true };
    }),
  );
}

/** Runs to the label `stop`; the functions of the call stack, innermost first. */
async function callers(body: (a: Assembler) => void): Promise<(string | undefined)[]> {
  const machine = await Machine.create({ kernel: guest(body), memory: "16M" });
  const labels = machine.symbols();
  const stop = labels?.address("stop");
  const symbols = functions((name) => labels?.address(name));
  const cpu = machine.cpus[0];
  if (stop === undefined || cpu === undefined) throw new Error("the guest has no label stop");
  for (let i = 0; cpu.linearRip !== stop; i++) {
    expect(i).toBeLessThan(1000);
    machine.step();
  }
  return callStack(machine, cpu, symbols).map(
    ({ address }, i) => symbols.find(i === 0 ? address : address - 1n)?.symbol.name,
  );
}

/** A global label. */
const label = (a: Assembler, name: string): void => {
  a.label(name, { global: true });
};
const prologue = (a: Assembler, name: string): void => {
  label(a, name);
  a.push(ebp).mov(ebp, esp).sub(esp, 16);
};
const epilogue = (a: Assembler): void => {
  a.mov(esp, ebp).pop(ebp).ret();
};
/** Words on the stack that are none of its calls: data, code, the end of a function. */
const litter = (a: Assembler): void => {
  a.push("table").push("after_call").push("outer").push("entry");
};

const inFrames = (inner: (a: Assembler) => void) => (a: Assembler) => {
  a.mov(ebp, 0).call("outer").jmp("poweroff");
  prologue(a, "outer");
  a.call("middle");
  label(a, "after_call");
  epilogue(a);
  prologue(a, "middle");
  litter(a);
  a.call("inner");
  epilogue(a);
  inner(a);
  label(a, "table");
  a.dd(0, 0);
};

test.each<[string, (a: Assembler) => void]>([
  [
    "in a function with a frame",
    (a) => {
      prologue(a, "inner");
      litter(a);
      label(a, "stop");
      a.nop();
      epilogue(a);
    },
  ],
  [
    "before a function has pushed its frame pointer",
    (a) => {
      label(a, "inner");
      label(a, "stop");
      a.push(ebp).mov(ebp, esp);
      epilogue(a);
    },
  ],
  [
    "at a return",
    (a) => {
      prologue(a, "inner");
      a.mov(esp, ebp).pop(ebp);
      label(a, "stop");
      a.ret();
    },
  ],
  [
    "in a function without a frame",
    (a) => {
      label(a, "inner");
      a.push(ebx).push("table").push("outer").inc(eax);
      a.jmp("inner_goes_on");
      a.label("inner_goes_on");
      label(a, "stop");
      a.add(esp, 8).pop(ebx).ret();
    },
  ],
])("%s every caller is there", async (_what, inner) => {
  const names = await callers(inFrames(inner));
  expect(names.slice(1)).toEqual(["middle", "outer", "entry"]);
});

test("after a jump to where no code is, the caller is there", async () => {
  const names = await callers((a) => {
    a.mov(ebp, 0).call("outer").jmp("poweroff");
    label(a, "outer");
    a.mov(eax, "stop").call(eax).ret();
    a.align(16);
    a.section(".data");
    label(a, "stop");
    a.db(0xfa, 0xf4);
    a.section(".text");
  });
  expect(names).toEqual([undefined, "outer", "entry"]);
});

test("a caller whose call is its last instruction is named, not the function behind it", async () => {
  const names = await callers((a) => {
    a.mov(ebp, 0).call("outer").jmp("poweroff");
    label(a, "outer");
    a.push(ebx).call("panic");
    label(a, "neighbour");
    a.nop().ret();
    label(a, "panic");
    a.push(ecx).push("table").mov(esi, 0);
    a.jmp("panic_goes_on");
    a.label("panic_goes_on");
    label(a, "stop");
    a.nop().hlt();
    label(a, "table");
    a.dd(0);
  });
  expect(names.slice(1)).toEqual(["outer", "entry"]);
});

test("every form of CALL is known as one, and nothing else", () => {
  const encode = (bits: 32 | 64, emit: (a: Assembler) => void): Uint8Array => {
    const a = new NewAssembler({ bits, name: "call" });
    a.section(".text");
    emit(a);
    return a.flat({ origin: 0x1000 }).bytes;
  };
  const calls32: ((a: Assembler) => void)[] = [
    (a) => {
      a.label("here");
      a.call("here");
    },
    (a) => a.call(eax),
  ];
  for (const emit of calls32) expect(endsWithCall(encode(32, emit), 32)).toBe(true);
  const calls64: ((a: Assembler) => void)[] = [
    (a) => a.call(rax),
    (a) => a.call(r12),
    (a) => a.call(qword(rbx)),
    (a) => a.call(qword(rsp, { disp: 8 })),
    (a) => a.call(qword(r12, { disp: 0x1234 })),
    (a) => a.call(qword(rax, { index: rbx, scale: 8, disp: 0x10 })),
    (a) => a.call(qword(0x1234)),
  ];
  for (const emit of calls64) expect(endsWithCall(encode(64, emit), 64), String(emit)).toBe(true);
  const others: ((a: Assembler) => void)[] = [
    (a) => a.nop().nop().nop(),
    (a) => a.jmp(rax),
    (a) => a.push(rax).push(rbx),
    (a) => a.jmp(qword(rax, { disp: 0x10 })),
    (a) => a.mov(edx, 0x12345678),
  ];
  for (const emit of others) expect(endsWithCall(encode(64, emit), 64), String(emit)).toBe(false);
});
