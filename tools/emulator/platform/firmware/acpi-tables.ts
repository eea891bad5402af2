// The ACPI tables a firmware leaves in memory: RSDP, RSDT, XSDT, FADT, FACS, DSDT, MADT, HPET, MCFG
// (ACPI 6.4, 5.2; IA-PC HPET 1.0a, 3.2.4; PCI Firmware 3.0, 4.1.2). Contents describe the board as
// QEMU's q35 or pc does.

import {
  ACPI_DISABLE,
  ACPI_ENABLE,
  SLEEP_TYPE_S3,
  SLEEP_TYPE_S5,
  SMI_COMMAND_PORT,
} from "../../devices/acpi-pm.ts";
import {
  type Chipset,
  hasWindow,
  PM_BASE,
  Q35,
  SCI_IRQ,
  WINDOW_BYTES,
} from "../../devices/chipset.ts";
import type { BoardPart } from "../../devices/device.ts";
import { HPET_BASE } from "../../devices/hpet.ts";
import { KEYBOARD_IRQ, MOUSE_IRQ } from "../../devices/i8042.ts";
import { IOAPIC_BASE } from "../../devices/ioapic.ts";
import { RTC_IRQ } from "../../devices/rtc.ts";
import { COM_PORTS } from "../../devices/uart16550.ts";
import { LAPIC_BASE, type MemoryMap } from "../memory-map.ts";
import * as aml from "./aml.ts";
import type { Placement } from "./low-memory.ts";
import { interruptModel, linkDevices, pirqFields, routingTable } from "./pci-routing.ts";
import { checksum, OEM, Table } from "./table.ts";

/** Where guests look for the RSDP: a 16-byte boundary in the BIOS segment. */
export const RSDP_ADDRESS = 0xf59e0;

/** GSIs that differ from their ISA number or polarity: IRQ 0 is GSI 2; the PCI interrupts are level. */
export const OVERRIDES: readonly [source: number, gsi: number, flags: number][] = [
  [0, 2, 0],
  [5, 5, 0x0d],
  [9, 9, 0x0d],
  [10, 10, 0x0d],
  [11, 11, 0x0d],
];

function madt(cpus: number): Uint8Array {
  const t = new Table().u32(LAPIC_BASE).u32(1);
  for (let cpu = 0; cpu < cpus; cpu++) t.u8(0, 8, cpu, cpu).u32(1);
  t.u8(1, 12, 0, 0).u32(IOAPIC_BASE).u32(0);
  for (const [source, gsi, flags] of OVERRIDES) t.u8(2, 10, 0, source).u32(gsi).u16(flags);
  // NMI is LINT1 of every CPU.
  t.u8(4, 6, 0xff, 0, 0, 1);
  return t.finish("APIC", 1);
}

function hpet(): Uint8Array {
  return new Table()
    .u32(0x8086a201)
    .u8(0, 0, 0, 0)
    .u64(HPET_BASE)
    .u8(0)
    .u16(0)
    .u8(0)
    .finish("HPET", 1);
}

function mcfg(ecam: number): Uint8Array {
  return new Table().u64(0).u64(ecam).u16(0).u8(0, 255).u32(0).finish("MCFG", 1);
}

/** WBINVD, processor C1, sleep button absent, RTC wake-up absent, platform HPET, and a reset register. */
const FADT_FLAGS = 0x80a5;
const FADT_RESET_REGISTER = 0x0400;
/** IA-PC boot flags: 8042 present. */
const FADT_HAS_8042 = 2;

function fadt(facs: number, dsdt: number, facts: AcpiFacts): Uint8Array {
  const { acpiOnly = false, chipset = Q35, pmBase = PM_BASE } = facts;
  const gpe0 = chipset.gpe0.port + (chipset.gpe0.inBlock ? pmBase : 0);
  const gpe0Bytes = chipset.gpe0.bytes;
  // Without a command port ACPI is on for good (5.2.9).
  const handover = acpiOnly ? [0, 0, 0] : [SMI_COMMAND_PORT, ACPI_ENABLE, ACPI_DISABLE];
  const [port, enable, disable] = handover as [number, number, number];
  const t = new Table()
    .u32(facs)
    .u32(dsdt)
    .u8(1, 0)
    .u16(SCI_IRQ)
    .u32(port)
    .u8(enable, disable, 0, 0)
    // PM1a event, PM1b event, PM1a control, PM1b, PM2, PM timer, GPE0, GPE1.
    .u32(pmBase)
    .u32(0)
    .u32(pmBase + 4)
    .u32(0)
    .u32(0)
    .u32(pmBase + 8)
    .u32(gpe0)
    .u32(0)
    // Lengths of those blocks, GPE1 base, C state support.
    .u8(4, 2, 0, 4, gpe0Bytes, 0, 0, 0)
    // C2 and C3 latencies that say "not supported", flush size and stride, duty, alarms, century.
    .u16(0x0fff)
    .u16(0x0fff)
    .u16(0)
    .u16(0)
    .u8(0, 0, 0, 0, 0x32);
  // The pc's is of ACPI 1.0, as QEMU has it for systems that take no other.
  if (chipset.name === "pc") return t.u16(0).u8(0).u32(FADT_FLAGS).finish("FACP", 1);
  t.u16(FADT_HAS_8042)
    .u8(0)
    .u32(FADT_FLAGS | FADT_RESET_REGISTER)
    // Reset register 0xCF9, value 0x0F.
    .gas(0xcf9, 8, 0)
    .u8(0x0f)
    .u16(0)
    .u8(0)
    .u64(facs)
    .u64(dsdt)
    .gas(pmBase, 32, 0)
    .gas(0, 0, 0)
    .gas(pmBase + 4, 16, 0)
    .gas(0, 0, 0)
    .gas(0, 0, 0)
    .gas(pmBase + 8, 32, 0)
    .gas(gpe0, gpe0Bytes * 8, 0)
    .gas(0, 0, 0);
  return t.finish("FACP", 3);
}

function facs(): Uint8Array {
  const t = new Table().text("FACS").u32(64).u32(0).u32(0).u32(0).u32(0).u64(0).u8(1);
  while (t.length < 64) t.u8(0);
  return t.raw();
}

/** COM `index + 1`. */
function serialPort(index: number): aml.Aml {
  const { iobase, irq } = COM_PORTS[index] as (typeof COM_PORTS)[number];
  return aml.device(
    `COM${index + 1}`,
    aml.define("_HID", aml.eisaId("PNP0501")),
    aml.define("_UID", aml.integer(index + 1)),
    aml.define("_CRS", aml.resources(aml.ioPort(iobase, 8), aml.irq(irq))),
  );
}

function dsdt({ map, cpus, serialPorts, chipset = Q35, without = [] }: AcpiFacts): Uint8Array {
  const { ecam } = map;
  const isExpress = hasWindow(chipset);
  const s3 = aml.integer(SLEEP_TYPE_S3);
  const s5 = aml.integer(SLEEP_TYPE_S5);
  const processors = Array.from({ length: cpus }, (_, n) =>
    aml.device(
      `C${n.toString(16).padStart(3, "0").toUpperCase()}`,
      aml.define("_HID", aml.string("ACPI0007")),
      aml.define("_UID", aml.integer(n)),
    ),
  );
  const simple = (path: string, id: string, ...items: aml.Aml[]): aml.Aml =>
    aml.device(
      path,
      aml.define("_HID", aml.eisaId(id)),
      aml.define("_CRS", aml.resources(...items)),
    );
  const deviceMemory = chipset.deviceMemoryFor(ecam, map.lowBytes);
  const body = [
    ...interruptModel(),
    ...(without.includes("s3")
      ? []
      : [aml.define("\\_S3", aml.packageOf(s3, s3, aml.integer(0), aml.integer(0)))]),
    aml.define("\\_S5", aml.packageOf(s5, s5, aml.integer(0), aml.integer(0))),
    aml.scope(
      "\\_SB",
      ...processors,
      aml.device(
        "PCI0",
        // PCI Express where there is a window of configuration, or PCI alone.
        ...(isExpress
          ? [aml.define("_HID", aml.eisaId("PNP0A08")), aml.define("_CID", aml.eisaId("PNP0A03"))]
          : [aml.define("_HID", aml.eisaId("PNP0A03"))]),
        aml.define("_UID", aml.integer(0)),
        aml.define(
          "_CRS",
          aml.resources(
            aml.busRange(0, 0xff),
            aml.ioPort(0xcf8, 8),
            aml.ioRange(0, 0x0cf7),
            aml.ioRange(0x0d00, 0xffff),
            aml.memoryRange(0xa0000, 0xbffff),
            aml.memoryRange(deviceMemory, 0xfebfffff),
          ),
        ),
        ...routingTable(chipset),
        aml.device(
          "ISA",
          aml.define("_ADR", aml.integer(chipset.isaBridge << 16)),
          pirqFields(chipset),
          simple("RTC", "PNP0B00", aml.ioPort(0x70, 2), aml.irq(RTC_IRQ)),
          simple("KBD", "PNP0303", aml.ioPort(0x60, 1), aml.ioPort(0x64, 1), aml.irq(KEYBOARD_IRQ)),
          simple("MOU", "PNP0F13", aml.irq(MOUSE_IRQ)),
          ...serialPorts.map(serialPort),
        ),
      ),
      ...linkDevices(chipset, "\\_SB.PCI0.ISA"),
      ...(without.includes("hpet")
        ? []
        : [simple("HPET", "PNP0103", aml.memory32(HPET_BASE, 0x400))]),
      // ECAM must be reserved by a motherboard resource (PCI Firmware 3.0, 4.1.2).
      ...(isExpress ? [simple("MRES", "PNP0C02", aml.memory32(ecam, WINDOW_BYTES))] : []),
    ),
  ];
  const table = new Table();
  for (const part of body) table.append(part);
  return table.finish("DSDT", 1);
}

/** What the tables depend on. */
export interface AcpiFacts {
  /** Q35 unless given. */
  chipset?: Chipset;
  /** What the board lacks; nothing unless given. */
  without?: readonly BoardPart[];
  map: MemoryMap;
  cpus: number;
  /** Serial ports that there are: 0 is COM1, 3 COM4. */
  serialPorts: readonly number[];
  /** Where power management's registers are; where our BIOS puts them unless given. */
  pmBase?: number;
  /** ACPI is on from the reset on: nobody hands it over. */
  acpiOnly?: boolean;
}

/** The root tables come first, so that the RSDP depends on nothing behind them. */
const RSDT_OFFSET = 0;
const XSDT_OFFSET = 0x80;
const TABLES_OFFSET = 0x100;

const FACS_ALIGNMENT = 64;

/** Where the FACS is, the first of the tables behind the root tables. */
export function facsAddress(map: MemoryMap): number {
  return Math.ceil((map.tables + TABLES_OFFSET) / FACS_ALIGNMENT) * FACS_ALIGNMENT;
}

/** All tables for a machine, or none; the RSDP is in the BIOS segment, the others are in the map's table area. */
export function acpiTables(facts: AcpiFacts): Placement[] {
  const { map, cpus, chipset = Q35, without = [] } = facts;
  if (without.includes("acpi")) return [];
  const placed: Placement[] = [];
  let at = map.tables + TABLES_OFFSET;
  const place = (data: Uint8Array, align: number): number => {
    at = Math.ceil(at / align) * align;
    placed.push({ address: at, data });
    at += data.length;
    return at - data.length;
  };
  const facsAt = place(facs(), FACS_ALIGNMENT);
  const dsdtAt = place(dsdt(facts), 16);
  const roots = [
    fadt(facsAt, dsdtAt, facts),
    madt(cpus),
    ...(without.includes("hpet") ? [] : [hpet()]),
    ...(hasWindow(chipset) ? [mcfg(map.ecam)] : []),
  ].map((t) => place(t, 16));
  const rsdt = new Table();
  const xsdt = new Table();
  for (const address of roots) {
    rsdt.u32(address);
    xsdt.u64(address);
  }
  return [
    { address: RSDP_ADDRESS, data: rsdp(map) },
    { address: map.tables + RSDT_OFFSET, data: rsdt.finish("RSDT", 1) },
    { address: map.tables + XSDT_OFFSET, data: xsdt.finish("XSDT", 1) },
    ...placed,
  ];
}

/** The RSDP. Revision 2: the first checksum covers 20 bytes, the second all 36 (5.2.5.3). */
export function rsdp(map: MemoryMap): Uint8Array {
  const data = new Table()
    .text("RSD PTR ")
    .u8(0)
    .text(OEM)
    .u8(2)
    .u32(map.tables + RSDT_OFFSET)
    .u32(36)
    .u64(map.tables + XSDT_OFFSET)
    .u8(0, 0, 0, 0)
    .raw();
  data[8] = checksum(data.subarray(0, 20));
  data[32] = checksum(data);
  return data;
}
