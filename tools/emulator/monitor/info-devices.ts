// info pic, irq, pci and block, laid out as QEMU lays them out.

import type { PciBar, PciBus, PciFunction } from "../devices/pci.ts";
import type { Disk } from "../media/disk.ts";
import type { Board } from "../platform/pc.ts";
import type { MonitorContext } from "./command.ts";

const hex = (value: number, digits: number): string =>
  (value >>> 0).toString(16).padStart(digits, "0");

// ---- Interrupt controllers (Intel 82093AA and 8259A datasheets)

const MASKED = 1 << 16;
const LEVEL = 1 << 15;
const REMOTE_IRR = 1 << 14;
const ACTIVE_LOW = 1 << 13;
const LOGICAL = 1 << 11;
const DELIVERY = ["fixed", "lowest", "SMI", "...", "NMI", "INIT", "...", "extINT"] as const;
const IOAPIC_VERSION = 0x20;
const FIRST_REDIRECTION = 0x10;

const numbers = (bits: readonly number[]): string =>
  bits.length === 0
    ? "(none)"
    : bits
        .map((n) => `${n} `)
        .join("")
        .trimEnd();

function ioApicLines({ state }: Board["ioapic"]): string[] {
  const { low, high, select, id, irr } = state;
  const selected =
    select >= FIRST_REDIRECTION ? ` (redir[${(select - FIRST_REDIRECTION) >> 1}])` : "";
  const pins = low.map((entry, pin) => {
    const upper = high[pin] as number;
    const words = [
      entry & ACTIVE_LOW ? "active-lo" : "active-hi",
      (entry & LEVEL ? "level" : "edge").padEnd(5),
      (entry & MASKED ? "masked" : "").padEnd(6),
      (DELIVERY[(entry >> 8) & 7] ?? "").padEnd(6),
      entry & LOGICAL ? "logical" : "physical",
    ];
    return `  pin ${`${pin}`.padEnd(2)} 0x${hex(upper, 8)}${hex(entry, 8)} dest=${hex(upper >>> 24, 1)} vec=${`${entry & 0xff}`.padEnd(3)} ${words.join(" ")}`;
  });
  const all = low.map((_, pin) => pin);
  const requests = all.filter((pin) => (irr >> pin) & 1);
  const remote = all.filter((pin) => (low[pin] as number) & REMOTE_IRR);
  return [
    `ioapic0: ver=0x${hex(IOAPIC_VERSION, 1)} id=0x${hex(id, 2)} sel=0x${hex(select, 2)}${selected}`,
    ...pins,
    `  IRR      ${numbers(requests)}`,
    `  Remote IRR ${numbers(remote)}`,
  ];
}

/** IOAPIC and both 8259A, the slave first. */
export function interruptControllers({ ioapic, pic }: Board): string {
  const chips = [1, 0].map((n) => {
    const c = pic.state.chips[n as 0 | 1];
    return `pic${n}: irr=${hex(c.irr, 2)} imr=${hex(c.imr, 2)} isr=${hex(c.isr, 2)} hprio=${c.topPriority} irq_base=${hex(c.base, 2)} rr_sel=${c.readIsr ? 1 : 0} elcr=${hex(c.elcr, 2)} fnm=${c.specialFullyNested ? 1 : 0}`;
  });
  return [...ioApicLines(ioapic), ...chips].join("\n");
}

/** How often each input of the interrupt controllers has risen. */
export function interruptCounts({ lines }: Board): string {
  const counts = (title: string, of: readonly number[]): string[] => [
    `IRQ statistics for ${title}:`,
    ...of.flatMap((count, n) => (count > 0 ? [`${n.toString().padStart(2)}: ${count}`] : [])),
  ];
  const { ioapic, pic } = lines.risen;
  return [...counts("ioapic", ioapic), ...counts("isa-i8259", pic)].join("\n");
}

// ---- PCI (PCI Local Bus 3.0, appendix D)

const CLASSES: Readonly<Record<number, string>> = {
  256: "SCSI controller",
  257: "IDE controller",
  262: "SATA controller",
  264: "NVMe controller",
  512: "Ethernet controller",
  768: "VGA controller",
  896: "Display controller",
  1025: "Audio controller",
  1280: "RAM controller",
  1536: "Host bridge",
  1537: "ISA bridge",
  1540: "PCI bridge",
  1664: "Bridge",
  1792: "Serial port",
  1920: "Communication controller",
  3075: "USB controller",
  3077: "SMBus",
};

function barLine(fn: PciFunction, bar: PciBar): string {
  const at = 0x10 + bar.index * 4;
  const address = (fn.get32(at) & ~(bar.kind === "io" ? 3 : 15)) >>> 0;
  if (bar.kind === "io") {
    return `      BAR${bar.index}: I/O at 0x${hex(address, 4)} [0x${hex(address + bar.size - 1, 4)}].`;
  }
  const upper = bar.kind === "memory64" ? fn.get32(at + 4) * 2 ** 32 : 0;
  const width = bar.kind === "memory64" ? "64 bit" : "32 bit";
  const first = BigInt(address + upper);
  const last = first + BigInt(bar.size - 1);
  return `      BAR${bar.index}: ${width}${bar.prefetchable ? " prefetchable" : ""} memory at 0x${first.toString(16).padStart(8, "0")} [0x${last.toString(16).padStart(8, "0")}].`;
}

export function pciFunctions(bus: PciBus): string {
  return [...bus.functions()]
    .sort((a, b) => a.devfn - b.devfn)
    .flatMap((fn) => {
      const code = fn.get16(0x0a);
      const kind = CLASSES[code] ?? `Class ${hex(code, 4)}`;
      const id = `PCI device ${hex(fn.get16(0), 4)}:${hex(fn.get16(2), 4)}`;
      const pin = fn.config[0x3d] as number;
      return [
        `  Bus  0, device ${`${fn.devfn >> 3}`.padStart(3)}, function ${fn.devfn & 7}:`,
        `    ${kind}: ${id}`,
        `      PCI subsystem ${hex(fn.get16(0x2c), 4)}:${hex(fn.get16(0x2e), 4)}`,
        ...(pin === 0
          ? []
          : [`      IRQ ${fn.config[0x3c]}, pin ${String.fromCharCode(64 + pin)}`]),
        ...(fn.header.bars ?? []).map((bar) => barLine(fn, bar)),
        `      id ""`,
      ];
    })
    .join("\n");
}

// ---- Disks

const trayLine = (disk: Disk): string[] =>
  disk.isRemovable
    ? [
        `    Removable device: ${disk.tray?.isLocked ? "" : "not "}locked, tray ${disk.tray?.isOpen ? "open" : "closed"}`,
      ]
    : [];

export function blockDevices({ control }: MonitorContext): string {
  return control.machine.drives
    .map((disk) => {
      if (!disk.isInserted) {
        const where = `    Attached to:      ${disk.attachedTo}`;
        return [`${disk.driveName}: [not inserted]`, where, ...trayLine(disk)].join("\n");
      }
      const rights = disk.readOnly ? `${disk.format}, read-only` : disk.format;
      const written = disk.persistent
        ? "written to the image"
        : `${disk.state.written.size} sectors changed in memory`;
      const [backing, ...below] = disk.backingNames;
      const size = disk.sectors * disk.sectorBytes;
      return [
        `${disk.driveName} (#${disk.name}): ${disk.imageName} (${rights})`,
        `    Attached to:      ${disk.attachedTo}, ${size} bytes, ${written}`,
        ...trayLine(disk),
        "    Cache mode:       writeback",
        ...(backing === undefined
          ? []
          : [`    Backing file:     ${backing} (chain depth: ${1 + below.length})`]),
      ].join("\n");
    })
    .join("\n\n");
}
