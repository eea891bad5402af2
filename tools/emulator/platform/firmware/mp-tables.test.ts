// The MP configuration table as an operating system finds it, against SeaBIOS's in QEMU.

import { describe, expect, test } from "vitest";
import { dword, eax, ebx, edi, edx, esi, word } from "../../../asm/index.ts";
import { hasQemu } from "../../../testing/host-tools.ts";
import { Machine } from "../../host/machine.ts";
import { guest } from "../testdata/guest.ts";
import { runOnQemu } from "../testdata/qemu.ts";

const SEGMENT = 0xf0000;

/** Finds the table by its pointer, and prints it in words of four bytes; before it what CPUID says, EAX and EDX. */
const printing = guest((a) => {
  a.mov(eax, 1).cpuid().mov(edi, edx).call("hex").mov(eax, edi).call("hex");
  a.mov(esi, SEGMENT);
  a.label("next");
  a.cmp(dword(esi), 0x5f504d5f)
    .je("found")
    .add(esi, 16)
    .cmp(esi, 0x100000)
    .jb("next")
    .jmp("poweroff");
  a.label("found");
  a.mov(esi, dword(esi, { disp: 4 }))
    .movzx(ebx, word(esi, { disp: 4 }))
    .add(ebx, 3)
    .shr(ebx, 2);
  a.label("words");
  a.mov(eax, dword(esi)).call("hex").add(esi, 4).dec(ebx).jnz("words");
});

interface Found {
  cpuid: number[];
  header: { revision: number; localApics: number; sum: number };
  processors: { id: number; version: number; flags: number; signature: number; features: number }[];
  buses: Map<number, string>;
  ioapics: { id: number; flags: number; address: number }[];
  /** Interrupts of ISA, by their number: type, flags and the IOAPIC's pin; how many of PCI there are. */
  isa: Map<number, number[]>;
  pci: Map<number, number[]>;
  local: { type: number; apic: number; pin: number }[];
}

function parsed(serial: string): Found {
  const words = serial
    .trim()
    .split(/\s+/)
    .map((word) => Number.parseInt(word, 16));
  const bytes = new Uint8Array(Uint32Array.from(words.slice(2)).buffer);
  const view = new DataView(bytes.buffer);
  expect(String.fromCharCode(...bytes.subarray(0, 4))).toBe("PCMP");
  const length = view.getUint16(4, true);
  const found: Found = {
    cpuid: words.slice(0, 2),
    header: {
      revision: view.getUint8(6),
      localApics: view.getUint32(36, true),
      sum: bytes.subarray(0, length).reduce((sum, value) => sum + value, 0) & 0xff,
    },
    processors: [],
    buses: new Map(),
    ioapics: [],
    isa: new Map(),
    pci: new Map(),
    local: [],
  };
  let at = 44;
  for (let left = view.getUint16(34, true); left > 0; left--) {
    const [type = 0, b1 = 0, b2 = 0, b3 = 0, b4 = 0, b5 = 0, b6 = 0, b7 = 0] = bytes.subarray(at);
    const u32 = (offset: number): number => view.getUint32(at + offset, true);
    if (type === 0) {
      const [signature, features] = [u32(4), u32(8)];
      found.processors.push({ id: b1, version: b2, flags: b3, signature, features });
    } else if (type === 1) {
      found.buses.set(b1, String.fromCharCode(...bytes.subarray(at + 2, at + 8)));
    } else if (type === 2) found.ioapics.push({ id: b1, flags: b3, address: u32(4) });
    else if (type === 3) {
      const list = found.buses.get(b4) === "ISA   " ? found.isa : found.pci;
      list.set(b5, [b1, b2, b6, b7]);
    } else found.local.push({ type: b1, apic: b6, pin: b7 });
    at += type === 0 ? 20 : 8;
  }
  expect(at).toBe(length);
  return found;
}

async function ours(cpus: number, board: "q35" | "pc" = "q35"): Promise<Found> {
  const options = { kernel: printing, memory: "64M", cpus, machine: board } as const;
  const machine = await Machine.create(options);
  expect(machine.runSync()).toEqual({ kind: "power-off" });
  return parsed(machine.serialOutput);
}

describe.each([1, 3])("with %i CPUs", (cpus) => {
  test("the table is sound and says of the processors what CPUID says", async () => {
    const { header, processors, cpuid, pci } = await ours(cpus);
    expect(header.sum).toBe(0);
    expect(processors.map(({ signature, features }) => [signature, features])).toEqual(
      Array.from({ length: cpus }, () => cpuid),
    );
    // Every pin of every device, level and active low, at the IOAPIC's upper pins.
    expect(pci.size).toBe(128);
    for (const [type, flags, apic, pin] of pci.values()) {
      expect([type, flags, apic]).toEqual([0, 0x0f, 0]);
      expect(pin).toBeGreaterThanOrEqual(16);
      expect(pin).toBeLessThan(24);
    }
  });

  test.skipIf(!hasQemu)("the table is SeaBIOS's but for PCI and CPUID", async () => {
    const own = await ours(cpus);
    // Of a socket SeaBIOS lists the first processor only.
    const its = parsed(
      runOnQemu(printing, [], ["-smp", `${cpus},sockets=${cpus}`, "-m", "64M"]).serial,
    );
    expect(own.header).toEqual(its.header);
    const enabled = (found: Found) =>
      found.processors.map(({ id, version, flags }) => ({ id, version, flags }));
    expect(enabled(own)).toEqual(enabled(its));
    expect(own.buses).toEqual(its.buses);
    expect(own.ioapics).toEqual(its.ioapics);
    expect(own.local).toEqual(its.local);
    // SeaBIOS leaves out what PCI devices share.
    for (const [irq, entry] of its.isa) expect([irq, own.isa.get(irq)]).toEqual([irq, entry]);
  });
});

test.skipIf(!hasQemu)(
  "on pc PCI's interrupts come by the IRQs of ISA, as SeaBIOS's table says",
  async () => {
    const own = await ours(1, "pc");
    const its = parsed(runOnQemu(printing, [], ["-m", "64M", "-machine", "pc"]).serial);
    expect(own.header).toEqual(its.header);
    // Power management, and a network card.
    expect(its.pci.size).toBe(2);
    const ways = (found: Found) => [...its.pci.keys()].map((pin) => found.pci.get(pin)?.slice(2));
    expect(ways(own)).toEqual(ways(its));
    for (const [irq, entry] of its.isa) expect([irq, own.isa.get(irq)]).toEqual([irq, entry]);
  },
);
