// The Machine API with small guests: ends of a run, serial line, screen, time, snapshots,
// determinism. Guests are assembled here; what they must print follows from their code.

import { afterEach, expect, test, vi } from "vitest";
import {
  al,
  ax,
  bx,
  cr0,
  ds,
  dword,
  dx,
  eax,
  ecx,
  edi,
  esi,
  mem,
  sp,
  ss,
  word,
} from "../asm/index.ts";
import { Machine, type MachineOptions } from "./host/machine.ts";
import { LoadError } from "./load-error.ts";
import { COM1, guest, loadIdt, outb, print } from "./platform/testdata/guest.ts";

const create = (kernel: Uint8Array, options: MachineOptions = {}): Promise<Machine> =>
  Machine.create({ kernel, memory: "16M", ...options });

const hello = guest((a) => print(a, "hello", "hello, machine\n"));

/** Adds numbers without end, so that time passes. */
const busy = guest((a) => {
  a.label("again");
  a.inc(eax).mov(mem(0x200000), eax).jmp("again");
});

/** Echoes the serial line by polling until it receives "q". */
const echo = guest((a) => {
  a.label("wait");
  a.mov(dx, COM1 + 5)
    .in(al, dx)
    .test(al, 1)
    .jz("wait")
    .mov(dx, COM1)
    .in(al, dx);
  a.cmp(al, "q".charCodeAt(0)).je("poweroff").call("putc").jmp("wait");
});

test("a guest prints and powers off", async () => {
  const machine = await create(hello);
  expect(await machine.run()).toEqual({ kind: "power-off" });
  expect(machine.serialOutput).toBe("hello, machine\n");
});

test("a run ends where the serial output matches, and goes on from there", async () => {
  const machine = await create(hello);
  expect(machine.runSync({ until: "hello" })).toEqual({ kind: "matched" });
  expect(machine.serialOutput).toBe("hello");
  expect(machine.runSync()).toEqual({ kind: "power-off" });
  expect(machine.serialOutput).toBe("hello, machine\n");
});

test("limits of instructions and virtual time end a run", async () => {
  const machine = await create(busy);
  expect(machine.runSync({ instructions: 100_000 })).toEqual({ kind: "limit" });
  const done = machine.core.instructions();
  expect(done).toBeGreaterThanOrEqual(100_000);
  expect(done).toBeLessThan(110_000);
  const before = machine.core.time();
  expect(machine.runSync({ nanoseconds: 1_000_000 })).toEqual({ kind: "limit" });
  expect(machine.core.time() - before).toBeGreaterThanOrEqual(1_000_000);
  expect(machine.core.time() - before).toBeLessThan(1_010_000);
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

test.each([
  ["in real time", 100, true],
  ["with others only", 0, false],
])(
  "%s a guest waits out its time, however late its host is, all but %i ms",
  async (_, less, realTime) => {
    let clock = 0;
    let waited = 0;
    vi.spyOn(performance, "now").mockImplementation(() => clock);
    vi.stubGlobal("setTimeout", (then: () => void, ms: number) => {
      clock += ms;
      waited += ms;
      queueMicrotask(then);
    });
    const machine = await create(busy, { realTime });
    machine.waitsForOthers = !realTime;
    await machine.run({ nanoseconds: 50_000_000 });
    expect(waited).toBeGreaterThanOrEqual(45);
    expect(waited).toBeLessThanOrEqual(50);
    // The host does something else for a minute.
    clock += 60_000;
    waited = 0;
    await machine.run({ nanoseconds: 1_000_000_000 });
    expect(waited).toBeGreaterThanOrEqual(1000 - less - 5);
    expect(waited).toBeLessThanOrEqual(1000 - less);
  },
);

test("typed characters reach the guest", async () => {
  const machine = await create(echo);
  machine.sendSerial("abcdefghijklmnopqrstuvwxyz");
  expect(machine.runSync()).toEqual({ kind: "power-off" });
  expect(machine.serialOutput).toBe("abcdefghijklmnop");
});

test("isa-debug-exit ends with its status", async () => {
  const kernel = guest((a) => a.mov(dx, 0xf4).mov(eax, 0x21).out(dx, eax));
  const machine = await create(kernel, { debugExit: { iobase: 0xf4, iosize: 4 } });
  expect(machine.runSync()).toEqual({ kind: "debug-exit", status: 0x43 });
});

test("halting with interrupts off is the end, and the report says where", async () => {
  const machine = await create(guest((a) => a.cli().hlt()));
  expect(machine.runSync()).toEqual({ kind: "dead" });
  const report = await machine.report();
  expect(report).toContain("CR0=00000011");
  expect(report).toMatch(/=> 1000[0-9a-f]+: .* mov dx,604h/);
  expect(report).toContain("(poweroff)");
});

test("halting with interrupts on and every line masked is idle for ever", async () => {
  const kernel = guest((a) => {
    outb(a, 0x21, 0xff);
    outb(a, 0xa1, 0xff);
    a.sti().hlt();
  });
  expect((await create(kernel)).runSync()).toEqual({ kind: "idle" });
});

test("a triple fault ends the run, or starts the guest again with reboot on", async () => {
  const kernel = guest((a) => {
    print(a, "start", "start\n");
    a.lidt(mem("nothing")).ud2();
    a.label("nothing");
    a.dw(0).dd(0);
  });
  expect((await create(kernel)).runSync()).toEqual({ kind: "triple-fault", cpu: 0 });
  const again = await create(kernel, { reboot: true });
  again.runSync({ until: "start\nstart\nstart\n" });
  expect(again.serialOutput).toBe("start\nstart\nstart\n");
});

test("timer interrupts through the 8259A wake a halted guest, and idle time costs nothing", async () => {
  const kernel = guest((a) => {
    loadIdt(a, { 8: "tick" });
    a.mov(ecx, 0).sti();
    a.label("sleep");
    a.hlt().cmp(ecx, 100).jb("sleep").cli().mov(eax, ecx).call("hex").jmp("poweroff");
    a.label("tick");
    a.push(eax).inc(ecx).mov(al, 0x20).out(0x20, al).pop(eax).iretd();
  });
  const machine = await create(kernel);
  expect(machine.runSync()).toEqual({ kind: "power-off" });
  expect(machine.serialOutput).toBe("00000064\n");
  // 100 ticks of 65536 / 1193182 s.
  expect(machine.core.time() / 1e9).toBeCloseTo((100 * 65536) / 1193182, 1);
  expect(machine.core.instructions()).toBeLessThan(10_000);
});

test("a kernel that goes back to real mode finds handlers for the timer and for services", async () => {
  const STUB = 0x3000;
  const TICKS = 0x46c;
  const SEEN = 0x4000;
  const kernel = guest((a) => {
    a.mov(esi, "stub").mov(edi, STUB).mov(ecx, 0x100).cld().rep.movsb();
    a.lgdt(mem("gdt_pointer")).db(0xea).dd(STUB).dw(8);
    a.label("gdt_pointer");
    a.dw(0xf).dd("gdt").align(8);
    a.label("gdt");
    a.dq(0, 0x00009a000000ffffn);
    a.align(0x100).label("stub");
    a.bits(16);
    a.mov(eax, cr0).and(eax, -2).mov(cr0, eax);
    a.db(0xea)
      .dw(STUB + 0x40, 0)
      .align(0x40);
    a.xor(ax, ax)
      .mov(ds, ax)
      .mov(ss, ax)
      .mov(sp, STUB)
      .lidt(mem(STUB + 0x80));
    a.mov(eax, dword(TICKS)).mov(dword(SEEN), eax);
    a.sti().hlt().hlt().cli().mov(ax, 0x0e21).mov(bx, 7).int(0x10).int(0x12);
    a.mov(word(SEEN + 4), ax)
      .mov(eax, dword(TICKS))
      .sub(dword(SEEN), eax)
      .hlt();
    a.align(0x80).dw(0x3ff).dd(0);
    a.bits(32);
  });
  const machine = await create(kernel);
  expect((await machine.run({ nanoseconds: 1_000_000_000 })).kind).toBe("dead");
  // Two ticks, and 639 KiB; a character is on the screen.
  expect(machine.readPhysical(SEEN, 6)).toEqual(Uint8Array.of(0xfe, 0xff, 0xff, 0xff, 0x7f, 2));
  expect(machine.readPhysical(0xb8000, 2)).toEqual(Uint8Array.of(0x21, 7));
});

test("received characters interrupt a halted guest", async () => {
  const kernel = guest((a) => {
    loadIdt(a, { 12: "received" });
    outb(a, COM1 + 1, 1);
    outb(a, 0x21, 0xef);
    a.sti();
    a.label("sleep");
    a.hlt().jmp("sleep");
    a.label("received");
    a.mov(dx, COM1).in(al, dx).call("putc").mov(al, 0x20).out(0x20, al).iretd();
  });
  const machine = await create(kernel);
  expect(machine.runSync()).toEqual({ kind: "idle" });
  expect(machine.listens).toBe(true);
  machine.sendSerial("ok");
  expect(machine.runSync()).toEqual({ kind: "idle" });
  expect(machine.serialOutput).toBe("ok");
});

test("COM2 interrupts through IRQ 3, and snapshots know what both ports said", async () => {
  const COM2 = 0x2f8;
  const kernel = guest((a) => {
    loadIdt(a, { 11: "received" });
    outb(a, COM2 + 1, 1);
    outb(a, 0x21, 0xf7);
    a.mov(al, "1".charCodeAt(0)).call("putc").sti();
    a.label("sleep");
    a.hlt().jmp("sleep");
    a.label("received");
    a.mov(dx, COM2).in(al, dx).out(dx, al).mov(al, 0x20).out(0x20, al).iretd();
  });
  const machine = await create(kernel, { serialPorts: [true, true] });
  const said = () => machine.serialLines.map((line) => line.output);
  expect(machine.runSync()).toEqual({ kind: "idle" });
  machine.serialLines[1]?.send("two");
  machine.runSync();
  expect(said()).toEqual(["1", "two", "", ""]);
  const saved = machine.snapshot();
  machine.serialLines[1]?.send("!");
  machine.runSync();
  machine.restore(saved);
  expect(said()).toEqual(["1", "two", "", ""]);
});

test("the text screen is readable", async () => {
  const kernel = guest((a) => {
    a.mov(dword(0xb8000), 0x07690748).mov(dword(0xb80a0), 0x1f211f21);
  });
  const machine = await create(kernel);
  machine.runSync();
  expect(machine.screenText()?.slice(0, 3)).toEqual(["Hi", "!!", ""]);
});

test("a linear framebuffer is readable as pixels", async () => {
  const kernel = guest((a) => {
    for (const [index, value] of Object.entries({ 1: 64, 2: 48, 3: 32, 4: 0x41 })) {
      a.mov(dx, 0x1ce).mov(ax, Number(index)).out(dx, ax);
      a.mov(dx, 0x1cf).mov(ax, value).out(dx, ax);
    }
    a.mov(dword(0xfd000000 + (64 * 2 + 3) * 4), 0x00123456);
  });
  const machine = await create(kernel);
  machine.runSync();
  const picture = machine.screen();
  expect([picture?.width, picture?.height]).toEqual([64, 48]);
  expect(picture?.pixels[64 * 2 + 3]).toBe(0x123456);
});

test("two runs end in the same state, another input in another", async () => {
  const run = async (typed: string): Promise<string> => {
    const machine = await create(echo);
    machine.sendSerial(typed);
    machine.runSync();
    return machine.stateHash();
  };
  const first = await run("abcq");
  expect(await run("abcq")).toBe(first);
  expect(await run("abdq")).not.toBe(first);
});

test("slicing a run does not change what the guest does", async () => {
  const whole = await create(hello);
  whole.runSync();
  const parts = await create(hello);
  while ((await parts.run({ nanoseconds: 100 })).kind === "limit");
  expect(parts.stateHash()).toBe(whole.stateHash());
});

test("a snapshot brings the machine back, and a clone goes its own way", async () => {
  const machine = await create(echo);
  machine.sendSerial("ab");
  machine.runSync({ until: "ab" });
  const saved = machine.snapshot();
  const hash = machine.stateHash();
  machine.sendSerial("cdq");
  expect(machine.runSync()).toEqual({ kind: "power-off" });
  expect(machine.serialOutput).toBe("abcd");
  const end = machine.stateHash();

  machine.restore(saved);
  expect(machine.stateHash()).toBe(hash);
  const other = await machine.clone();
  machine.sendSerial("cdq");
  machine.runSync();
  expect(machine.serialOutput).toBe("abcd");
  expect(machine.stateHash()).toBe(end);
  other.sendSerial("xyzq");
  other.runSync();
  expect(other.serialOutput).toBe("abxyz");
});

test("a machine goes on from its snapshot exactly as the restored one does", async () => {
  // A store next to code that ran before the snapshot leaves a decoded block in the middle; for a
  // machine that has not decoded that code it is a store like any other.
  const machine = await create(
    guest((a) => {
      a.jmp("once");
      a.label("data");
      a.dd(0);
      a.label("once");
      a.inc(ecx).jmp("wait");
      a.align(64);
      a.label("wait");
      a.inc(ecx).cmp(ecx, 1000).jb("wait");
      a.inc(eax).inc(eax).inc(eax).mov(mem("data"), eax);
      a.label("loop");
      for (let i = 0; i < 150; i++) a.inc(eax);
      a.jmp("loop");
    }),
  );
  machine.runSync({ instructions: 2900 });
  const saved = machine.snapshot();
  const states = (): string[] =>
    Array.from({ length: 60 }, () => {
      machine.runSync({ nanoseconds: 10 });
      return machine.stateHash();
    });
  const went = states();
  machine.restore(saved);
  expect(states()).toEqual(went);
});

test("memory reads as the guest sees it", async () => {
  const machine = await create(guest((a) => a.mov(dword(0x1000), 0x64636261)));
  machine.runSync();
  expect(new TextDecoder().decode(machine.readPhysical(0x1000, 4))).toBe("abcd");
  expect(machine.readLinear(0x1000n, 4)).toEqual(machine.readPhysical(0x1000, 4));
  expect(machine.readPhysical(16 * 1024 * 1024 - 2, 4).length).toBe(2);
});

test.each([
  [{ memory: "0" }, /memory of 0 bytes/],
  [{ memory: "65G" }, /expected 2M to 64G/],
  [{ cpus: 33 }, /33 CPUs/],
  [{ cpu: "pentium5" as "max" }, /models are default, max/],
  [{ kernel: "/no/such/kernel" }, /kernel \/no\/such\/kernel: there is no such file/],
])("refuses %o", async (options, message) => {
  await expect(create(hello, options)).rejects.toThrow(message);
  await expect(create(hello, options)).rejects.toBeInstanceOf(LoadError);
});
