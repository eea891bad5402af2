// The MP configuration table, for kernels that know no ACPI (Intel MultiProcessor Specification 1.4, chapter 4):
// processors, buses, the IOAPIC, and which interrupts reach which of its pins.

import { type Chipset, firmwareIrq, Q35 } from "../../devices/chipset.ts";
import { IOAPIC_BASE } from "../../devices/ioapic.ts";
import { LAPIC_BASE } from "../memory-map.ts";
import { OVERRIDES } from "./acpi-tables.ts";
import type { Placement } from "./low-memory.ts";
import { checksum, OEM, OEM_TABLE, Table } from "./table.ts";

/** In the BIOS segment: the floating pointer structure, on a 16-byte boundary, and the table behind it. */
export const MP_POINTER_ADDRESS = 0xf5c00;
const TABLE_ADDRESS = MP_POINTER_ADDRESS + 0x10;
const REVISION = 4;
const HEADER_BYTES = 44;

const LOCAL_APIC_VERSION = 0x14;
const ENABLED = 1;
const BOOT_PROCESSOR = 2;

/** The IOAPIC's id is 0 like its own register's; its version is that of the 82093AA's family. */
const IOAPIC = { id: 0, version: 0x20 } as const;
const [PCI_BUS, ISA_BUS] = [0, 1];
const ISA_IRQS = 16;
const ALL_LOCAL_APICS = 0xff;
const [TYPE_INT, TYPE_NMI, TYPE_EXTINT] = [0, 1, 3];
/** Polarity and trigger mode as the bus has them; level, active low; level, active high, as PCI's are at ISA's IRQs. */
const [AS_BUS, LOW_LEVEL, HIGH_LEVEL] = [0, 0x0f, 0x0d];
const DEVICES = 32;
const PINS = 4;

export interface MpFacts {
  /** Q35 unless given. */
  chipset?: Chipset;
  cpus: number;
  /** CPUID leaf 1, EAX and EDX. */
  processor: { signature: number; features: number };
}

/** Entry 3 for the IOAPIC, 4 for local APICs (4.3.4, 4.3.5). */
function interrupt(
  table: Table,
  entry: 3 | 4,
  type: number,
  flags: number,
  source: readonly [bus: number, irq: number],
  target: readonly [apic: number, pin: number],
): void {
  table
    .u8(entry, type)
    .u16(flags)
    .u8(...source, ...target);
}

/** How an interrupt pin 1–4 of a PCI device reaches the IOAPIC: flags and pin. */
function wayOf(
  chipset: Chipset,
  device: number,
  pin: number,
): readonly [flags: number, to: number] {
  const first = chipset.firstPirqPin;
  if (first === undefined) return [HIGH_LEVEL, firmwareIrq(chipset, device, pin)];
  return [LOW_LEVEL, first + chipset.pirqOf(device, pin)];
}

/** All of the table but its header, and how many entries these are. */
function entries({ cpus, chipset = Q35, processor }: MpFacts): { table: Table; count: number } {
  const table = new Table();
  for (let cpu = 0; cpu < cpus; cpu++) {
    const flags = cpu === 0 ? ENABLED | BOOT_PROCESSOR : ENABLED;
    const threads = cpus > 1 ? 0x10000000 : 0;
    table
      .u8(0, cpu, LOCAL_APIC_VERSION, flags)
      .u32(processor.signature)
      .u32(processor.features | threads)
      .u64(0);
  }
  table.u8(1, PCI_BUS).text("PCI   ").u8(1, ISA_BUS).text("ISA   ");
  table.u8(2, IOAPIC.id, IOAPIC.version, ENABLED).u32(IOAPIC_BASE);
  let count = cpus + 3;
  for (let device = 0; device < DEVICES; device++) {
    for (let pin = 0; pin < PINS; pin++) {
      const source = [PCI_BUS, (device << 2) | pin] as const;
      const [flags, to] = wayOf(chipset, device, pin + 1);
      interrupt(table, 3, TYPE_INT, flags, source, [IOAPIC.id, to]);
      count++;
    }
  }
  for (let irq = 0; irq < ISA_IRQS; irq++) {
    const other = OVERRIDES.find(([source]) => source === irq);
    const pin = other?.[1] ?? irq;
    // The cascade is no interrupt, and its pin the timer's.
    if (irq === 2) continue;
    interrupt(table, 3, TYPE_INT, AS_BUS, [ISA_BUS, irq], [IOAPIC.id, pin]);
    count++;
  }
  interrupt(table, 4, TYPE_EXTINT, AS_BUS, [ISA_BUS, 0], [0, 0]);
  interrupt(table, 4, TYPE_NMI, AS_BUS, [ISA_BUS, 0], [ALL_LOCAL_APICS, 1]);
  return { table, count: count + 2 };
}

/** The floating pointer structure and the configuration table (4.1, 4.2). */
export function mpTables(facts: MpFacts): Placement[] {
  const { table, count } = entries(facts);
  const header = new Table()
    .text("PCMP")
    .u16(HEADER_BYTES + table.length)
    .u8(REVISION, 0);
  header.text(`${OEM}  `).text(`${OEM_TABLE}    `).u32(0).u16(0).u16(count).u32(LAPIC_BASE).u32(0);
  const whole = header.append(table.raw()).raw();
  whole[7] = checksum(whole);
  const pointer = new Table()
    .text("_MP_")
    .u32(TABLE_ADDRESS)
    .u8(1, REVISION, 0, 0, 0, 0, 0, 0)
    .raw();
  pointer[10] = checksum(pointer);
  return [
    { address: MP_POINTER_ADDRESS, data: pointer },
    { address: TABLE_ADDRESS, data: whole },
  ];
}
