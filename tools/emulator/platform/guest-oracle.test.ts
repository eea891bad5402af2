// Guests that use interrupts, timers and several CPUs, run here and on QEMU: both must print the same
// lines. What they print are vectors, counts and coarse times, never what depends on speed.

import { expect, test } from "vitest";
import {
  type Assembler,
  ah,
  al,
  ax,
  byte,
  cr0,
  cr2,
  cr3,
  ds,
  dword,
  dx,
  eax,
  ebx,
  ecx,
  edi,
  edx,
  esp,
} from "../../asm/index.ts";
import { hasQemu } from "../../testing/host-tools.ts";
import { Machine } from "../host/machine.ts";
import { COM1, guest, loadIdt, outb, pics, print, startOtherCpus } from "./testdata/guest.ts";
import { BY_INSTRUCTIONS, runOnQemu } from "./testdata/qemu.ts";
import { ICR, ICS, IMS, TestNic } from "./testdata/test-nic.ts";

const IOAPIC = 0xfec00000;
const LAPIC = 0xfee00000;
const HPET = 0xfed00000;

/** Acknowledges at the 8259A pair. */
const eoi = (a: Assembler, slave = false): void => {
  a.mov(al, 0x20);
  if (slave) a.out(0xa0, al);
  a.out(0x20, al);
};

/** Routes IOAPIC pin `pin` to CPU 0 with the low word `entry`. */
function route(a: Assembler, pin: number, entry: number): void {
  a.mov(dword(IOAPIC), 0x11 + pin * 2).mov(dword(IOAPIC + 0x10), 0);
  a.mov(dword(IOAPIC), 0x10 + pin * 2).mov(dword(IOAPIC + 0x10), entry);
}

/** Prints a label and EAX. */
function show(a: Assembler, name: string): void {
  a.push(eax);
  print(a, name, `${name} `);
  a.pop(eax).call("hex");
}

/** Halts until ECX reaches `count`. */
function waitFor(a: Assembler, label: string, count: number): void {
  a.sti();
  a.label(label);
  a.hlt().cmp(ecx, count).jb(label).cli();
}

/** Configuration register `register` of device `device` becomes the address that 0xCFC accesses. */
function selectPci(a: Assembler, device: number, register: number): void {
  a.mov(dx, 0xcf8)
    .mov(eax, 0x80000000 | (device << 11) | (register & ~3))
    .out(dx, eax)
    .mov(dx, 0xcfc + (register & 3));
}

function pciByte(a: Assembler, device: number, register: number, value: number): void {
  selectPci(a, device, register);
  a.mov(al, value).out(dx, al);
}

/** Where the line of slot 3 goes: the bridge to ISA and its routing register, and the IOAPIC's pin behind firmware. */
const SLOT3 = {
  q35: { bridge: 0x1f, register: 0x6b, pin: 23 },
  pc: { bridge: 1, register: 0x62, pin: 11 },
} as const;

/** A guest that takes interrupts of a network controller in slot 3 on every way that there is. */
function nicGuest(a: Assembler, machine: "q35" | "pc"): void {
  const { bridge, register, pin } = SLOT3[machine];
  const cause = (): void => {
    a.mov(ecx, 0).mov(dword(edi, { disp: ICS }), 4);
  };
  pciByte(a, 3, 4, 7);
  selectPci(a, 3, 0x10);
  a.in(eax, dx).and(eax, 0xfffffff0).mov(edi, eax);
  loadIdt(a, { 37: "irq5", 43: "irq11", 81: "apic", 97: "msi" });
  a.mov(eax, dword(edi, { disp: ICR })).mov(dword(edi, { disp: IMS }), 4);

  // The line is a level: with the cause still there, the interrupt comes again.
  pics(a, 0xfb, 0xf7);
  cause();
  waitFor(a, "by_pic", 2);
  a.mov(eax, ecx);
  show(a, "pic");

  pics(a, 0xff, 0xff);
  route(a, pin, 0x8051);
  cause();
  waitFor(a, "by_ioapic", 2);
  a.mov(eax, ecx);
  show(a, "ioapic");

  // The slot's line to IRQ 5; then nowhere.
  route(a, pin, 0x10051);
  pciByte(a, bridge, register, 5);
  outb(a, 0x4d0, 0x20);
  pics(a, 0xdf, 0xff);
  cause();
  waitFor(a, "by_irq5", 2);
  a.mov(eax, ecx);
  show(a, "rerouted");
  pciByte(a, bridge, register, 0x85);
  cause();
  // QEMU's controller keeps its interrupts 128 µs apart: 8,000 instructions of its time.
  a.mov(ecx, 0);
  a.label("apart");
  a.inc(ecx).cmp(ecx, 10_000).jb("apart");
  outb(a, 0x20, 0x0a);
  a.in(al, 0x20).and(eax, 0x20);
  show(a, "unrouted");

  // QEMU's pc has a line that is routed while it is high stay up when its pin is turned off.
  if (machine === "q35") pciByte(a, bridge, register, 5);
  // The interrupt pin can be turned off; the status register shows that it would be active.
  selectPci(a, 3, 5);
  a.mov(al, 4).out(dx, al);
  outb(a, 0x20, 0x0a);
  a.in(al, 0x20).and(eax, 0x20);
  show(a, "disabled");
  selectPci(a, 3, 6);
  a.in(al, dx).and(eax, 8);
  show(a, "status");
  a.mov(eax, dword(edi, { disp: ICR })).and(eax, 4);
  show(a, "cause");
  selectPci(a, 3, 6);
  a.in(al, dx).and(eax, 8);
  show(a, "cleared");

  // MSI: address, data, enable. A message is an edge.
  pciByte(a, 3, 5, 0);
  for (const [register, value] of [
    [0xd4, 0xfee00000],
    [0xd8, 0],
    [0xdc, 0x61],
  ] as const) {
    selectPci(a, 3, register);
    a.mov(eax, value).out(dx, eax);
  }
  pciByte(a, 3, 0xd2, 1);
  cause();
  waitFor(a, "by_msi", 1);
  outb(a, 0x20, 0x0a);
  a.in(al, 0x20).and(eax, 0x20);
  show(a, "with_msi");
  a.mov(eax, ecx);
  show(a, "msi");
  a.jmp("poweroff");

  for (const label of ["irq5", "irq11", "apic", "msi"]) {
    a.label(label);
    a.push(eax).inc(ecx);
    if (label !== "msi") a.cmp(ecx, 2).jb(`again_${label}`);
    a.mov(eax, dword(edi, { disp: ICR }));
    a.label(`again_${label}`);
    if (label.startsWith("irq")) eoi(a, label === "irq11");
    else a.mov(dword(LAPIC + 0xb0), 0);
    a.pop(eax).iretd();
  }
}

interface OracleGuest {
  cpus?: number;
  code: (a: Assembler) => void;
  /** A network controller in this PCI slot. */
  nic?: number;
  machine?: "q35" | "pc";
}

const guests: Record<string, OracleGuest> = {
  "a PCI device interrupts through PIRQ routing, the IOAPIC and MSI": {
    code: (a) => nicGuest(a, "q35"),
    nic: 3,
  },
  "a PCI device of pc interrupts through PIRQ routing and MSI": {
    machine: "pc",
    code: (a) => nicGuest(a, "pc"),
    nic: 3,
  },
  "timer ticks through the 8259A come one a period": {
    code(a) {
      pics(a, 0xfe, 0xff);
      loadIdt(a, { 32: "tick" });
      // Mode 2, 100 Hz; the PM timer measures 20 ticks.
      outb(a, 0x43, 0x34);
      outb(a, 0x40, 11932 & 0xff);
      outb(a, 0x40, 11932 >> 8);
      a.mov(ecx, 0);
      waitFor(a, "first", 1);
      a.mov(dx, 0x608).in(eax, dx).mov(edi, eax).mov(ecx, 0);
      waitFor(a, "rest", 20);
      a.mov(dx, 0x608).in(eax, dx).sub(eax, edi).and(eax, 0xffffff);
      // 200 ms are 715909 ticks: in units of 1/8 of that, rounded.
      a.add(eax, 44744).mov(edx, 0).mov(ebx, 89488).div(ebx);
      show(a, "eighths");
      a.jmp("poweroff");
      a.label("tick");
      a.push(eax).inc(ecx);
      eoi(a);
      a.pop(eax).iretd();
    },
  },
  "the RTC's update interrupt reaches the IOAPIC and the slave 8259A": {
    code(a) {
      pics(a, 0xfb, 0xfe);
      loadIdt(a, { 40: "slave", 65: "apic" });
      outb(a, 0x70, 11);
      outb(a, 0x71, 0x12);
      a.mov(ecx, 0).mov(edi, 0);
      waitFor(a, "one", 1);
      a.mov(eax, edi);
      show(a, "pic");
      outb(a, 0xa1, 0xff);
      outb(a, 0x21, 0xff);
      route(a, 8, 0x41);
      a.mov(ecx, 0).mov(edi, 0);
      waitFor(a, "two", 1);
      a.mov(eax, edi);
      show(a, "apic");
      a.jmp("poweroff");
      for (const [label, vector] of [
        ["slave", 0x28],
        ["apic", 0x41],
      ] as const) {
        a.label(label);
        a.push(eax).inc(ecx).mov(edi, vector);
        outb(a, 0x70, 12);
        a.in(al, 0x71);
        if (label === "slave") eoi(a, true);
        else a.mov(dword(LAPIC + 0xb0), 0);
        a.pop(eax).iretd();
      }
    },
  },
  "HPET: periodic timer through the IOAPIC, one-shot in legacy replacement": {
    code(a) {
      pics(a, 0xff, 0xff);
      loadIdt(a, { 32: "legacy", 82: "apic" });
      route(a, 16, 0x52);
      a.mov(dword(HPET + 0x100), (16 << 9) | 0x14c);
      a.mov(dword(HPET + 0x108), 100_000).mov(dword(HPET + 0x108), 100_000);
      a.mov(dword(HPET + 0x10), 1).mov(ecx, 0);
      waitFor(a, "periodic", 5);
      a.mov(dword(HPET + 0x100), 0);
      a.mov(eax, dword(HPET + 0xf0))
        .mov(edx, 0)
        .mov(ebx, 500_000)
        .div(ebx);
      show(a, "periods");
      a.mov(dword(HPET + 0x10), 0)
        .mov(dword(HPET + 0xf0), 0)
        .mov(dword(HPET + 0xf4), 0);
      a.mov(dword(HPET + 0x100), 0x104).mov(dword(HPET + 0x108), 50_000);
      outb(a, 0x21, 0xfe);
      a.mov(dword(HPET + 0x10), 3).mov(ecx, 0);
      waitFor(a, "once", 1);
      a.mov(eax, ecx);
      show(a, "legacy");
      a.jmp("poweroff");
      a.label("apic");
      a.inc(ecx)
        .mov(dword(LAPIC + 0xb0), 0)
        .iretd();
      a.label("legacy");
      a.push(eax).inc(ecx);
      eoi(a);
      a.pop(eax).iretd();
    },
  },
  "the UART interrupts for its empty transmitter and for looped-back data": {
    code(a) {
      pics(a, 0xef, 0xff);
      loadIdt(a, { 36: "uart" });
      a.mov(ecx, 0).mov(edi, 0);
      outb(a, COM1 + 4, 0x08);
      outb(a, COM1 + 1, 2);
      waitFor(a, "thre", 1);
      a.mov(eax, edi);
      outb(a, COM1 + 1, 0);
      show(a, "thre");
      outb(a, COM1 + 4, 0x18);
      outb(a, COM1 + 1, 1);
      a.mov(ecx, 0);
      outb(a, COM1, 0x5a);
      waitFor(a, "data", 1);
      a.mov(dx, COM1).in(al, dx).mov(ah, al).mov(al, byte("cause"));
      a.and(eax, 0xffff).mov(edi, eax);
      outb(a, COM1 + 1, 0);
      outb(a, COM1 + 4, 0x08);
      a.mov(eax, edi);
      show(a, "data");
      a.jmp("poweroff");
      a.label("uart");
      a.push(eax).push(edx).inc(ecx);
      a.mov(dx, COM1 + 2)
        .in(al, dx)
        .and(eax, 0x0f)
        .mov(edi, eax)
        .mov(byte("cause"), al);
      eoi(a);
      a.pop(edx).pop(eax).iretd();
      a.label("cause");
      a.db(0);
    },
  },
  "an interrupt that is masked at the 8259A stays in its request register": {
    code(a) {
      pics(a, 0xff, 0xff);
      outb(a, 0x43, 0x34);
      outb(a, 0x40, 0x9c);
      outb(a, 0x40, 0x2e);
      // The PM timer passes 30 ms.
      a.mov(dx, 0x608).in(eax, dx).mov(edi, eax);
      a.label("spin");
      a.in(eax, dx).sub(eax, edi).and(eax, 0xffffff).cmp(eax, 107386).jb("spin");
      outb(a, 0x20, 0x0a);
      a.mov(dx, 0x20).in(al, dx).and(eax, 1);
      show(a, "irr");
      a.jmp("poweroff");
    },
  },
  "the local APIC's timer: one-shot once, periodic again and again": {
    code(a) {
      pics(a, 0xff, 0xff);
      loadIdt(a, { 96: "timer", 97: "timer" });
      a.mov(dword(LAPIC + 0xf0), 0x1ff).mov(dword(LAPIC + 0x3e0), 0xb);
      a.mov(ecx, 0)
        .mov(dword(LAPIC + 0x320), 0x60)
        .mov(dword(LAPIC + 0x380), 100_000);
      waitFor(a, "one", 1);
      a.mov(eax, dword(LAPIC + 0x390));
      show(a, "left");
      a.mov(ecx, 0)
        .mov(dword(LAPIC + 0x320), 0x20061)
        .mov(dword(LAPIC + 0x380), 100_000);
      waitFor(a, "many", 7);
      a.mov(dword(LAPIC + 0x320), 0x10061).mov(eax, ecx);
      show(a, "periods");
      a.jmp("poweroff");
      a.label("timer");
      a.inc(ecx)
        .mov(dword(LAPIC + 0xb0), 0)
        .iretd();
    },
  },
  "exceptions push the error codes of the manual": {
    code(a) {
      loadIdt(a, { 0: "divide", 6: "invalid", 13: "protection", 14: "page" });
      a.mov(edx, 1).mov(eax, 0).mov(ebx, 0);
      a.label("at_div");
      a.div(ebx);
      a.label("after_div");
      a.ud2();
      a.label("after_ud");
      a.mov(ax, 0x1234).mov(ds, ax);
      a.label("after_gp");
      // 4 MiB pages: 0 to 4 MiB mapped to themselves, 8 MiB read-only.
      a.mov(dword(0x300000), 0x83).mov(dword(0x300008), 0x800081).mov(dword(0x300ff0), 0xfec00093);
      a.mov(dword(0x300fb0), 0xfec00093).mov(dword(0x300fec), 0xfec0009b);
      a.mov(eax, 0x300000).mov(cr3, eax);
      a.db(0x0f, 0x20, 0xe0).or(eax, 0x10).db(0x0f, 0x22, 0xe0);
      a.mov(eax, cr0).or(eax, 0x80010000).mov(cr0, eax);
      a.mov(eax, dword(0x500000));
      a.label("after_read");
      a.mov(dword(0x800010), eax);
      a.label("after_write");
      a.mov(eax, cr0).and(eax, 0x7fffffff).mov(cr0, eax).jmp("poweroff");
      const handler = (label: string, code: boolean, next: string | undefined): void => {
        a.label(label);
        a.mov(eax, code ? dword(esp) : 0xffffffff);
        show(a, label);
        if (code) a.add(esp, 4);
        if (next !== undefined) a.mov(dword(esp), next).iretd();
      };
      handler("divide", false, "after_div");
      handler("invalid", false, "after_ud");
      handler("protection", true, "after_gp");
      a.label("page");
      a.mov(eax, dword(esp));
      show(a, "page");
      a.mov(eax, cr2);
      show(a, "cr2");
      a.add(esp, 4).mov(eax, cr2).cmp(eax, 0x500000).jne("second");
      a.mov(dword(esp), "after_read").iretd();
      a.label("second");
      a.mov(dword(esp), "after_write").iretd();
    },
  },
  "the local APIC tells its version and the number of its vectors": {
    code(a) {
      // Bit 24, EOI-broadcast suppression, is not in TCG.
      a.mov(eax, dword(LAPIC + 0x30)).and(eax, 0xff_00ff);
      show(a, "version");
      a.jmp("poweroff");
    },
  },
  "INIT and startup IPIs start the other CPUs, IPIs reach them": {
    cpus: 4,
    code(a) {
      pics(a, 0xff, 0xff);
      startOtherCpus(a, "other");
      a.label("count");
      a.cmp(dword("alive"), 3).jb("count");
      a.mov(eax, dword("alive"));
      show(a, "alive");
      a.mov(eax, dword("ids"));
      show(a, "ids");
      a.jmp("poweroff");

      a.label("other");
      a.mov(eax, dword(LAPIC + 0x20))
        .shr(eax, 24)
        .mov(ecx, eax);
      // Each CPU sets its bit and counts itself.
      a.mov(eax, 1).db(0xd3, 0xe0).lock.or(dword("ids"), eax).lock.inc(dword("alive"));
      a.label("parked");
      a.cli().hlt().jmp("parked");

      a.label("alive");
      a.dd(0);
      a.label("ids");
      a.dd(0);
    },
  },
};

for (const [what, { cpus = 1, code, nic, machine: board = "q35" }] of Object.entries(guests)) {
  test.skipIf(!hasQemu)(what, async () => {
    const kernel = guest(code);
    const machine = await Machine.create({ machine: board, kernel, memory: "128M", cpus });
    if (nic !== undefined) {
      machine.board.put("nic", (slot) => new TestNic(slot, nic));
      machine.powerOn();
    }
    const stop = machine.runSync({ nanoseconds: 20e9 });
    const device = nic === undefined ? [] : ["-device", `e1000e,addr=${nic}`];
    const options = ["-machine", board, "-smp", String(cpus), "-nic", "none"];
    const extra = [...options, ...device, ...BY_INSTRUCTIONS];
    const oracle = runOnQemu(kernel, [], extra);
    expect({ end: stop.kind, serial: machine.serialOutput }).toEqual({
      end: "power-off",
      serial: oracle.serial,
    });
    expect(oracle.serial).not.toBe("");
  });
}
