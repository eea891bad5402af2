// What the boards' chipsets differ in where more than their own functions know of it: which wires PCI interrupts take, where
// power management's registers are, where PCI configuration shows in memory. The functions themselves are in q35.ts and
// i440fx.ts.

/** Bytes of the window of PCI configuration. */
export const WINDOW_BYTES = 256 << 20;

/** A board's chipset: the name is that of `-machine`. */
export interface Chipset {
  readonly name: "q35" | "pc";
  /** The bridge to ISA, with the PIRQ routing registers: its device on PCI bus 0. */
  readonly isaBridge: number;
  /** How many PIRQs there are: PIRQA and so on. */
  readonly pirqs: number;
  /** The PIRQ (0 is A) behind interrupt pin 1–4 of PCI device 0–31. */
  pirqOf(device: number, pin: number): number;
  /** Register of the bridge to ISA that routes a PIRQ. */
  pirqRegister(pirq: number): number;
  /** ISA IRQ of each PIRQ after firmware. */
  readonly firmwareRoutes: readonly number[];
  /** IOAPIC pin of PIRQA where PIRQs have pins of their own; elsewhere they come by their ISA IRQ. */
  readonly firstPirqPin: number | undefined;
  /** The device whose INTA is the power management's own interrupt, whatever the PIRQ. */
  readonly sciDevice: number | undefined;
  /** Bytes of the block of registers at PMBASE. */
  readonly powerBytes: number;
  /** GPE0's registers: their I/O port, counted from PMBASE where they are in its block, and their bytes. */
  readonly gpe0: { readonly port: number; readonly bytes: number; readonly inBlock: boolean };
  /** SMI_EN and SMI_STS are in the block. */
  readonly hasSmiControl: boolean;
  /** Bits of the reset register at port 0xCF9 that keep what is written. */
  readonly resetBits: number;
  /** Device of the display adapter, and where firmware puts its registers. */
  readonly display: { readonly device: number; readonly registers: number };
  /** The floppy controller is there without floppies, too. */
  readonly hasFloppyController: boolean;
  /** The network card that a machine has where none is named. */
  readonly networkCard: "e1000" | "e1000e";
  /** Places of hard disks and CDs, and how QEMU calls one. */
  readonly drives: {
    readonly places: number;
    nameOf(place: number): string;
    /** Bus and unit. */
    cableOf(place: number): readonly [number, number];
  };
  /** Where firmware puts PCI configuration in memory (ECAM), -1 where it does not show there. */
  readonly window: number;
  /** RAM of `limit` bytes or more has `kept` of them below 4 GiB and the rest above. */
  readonly lowRam: { readonly limit: number; readonly kept: number };
  /** Where addresses for PCI devices begin, as ACPI tells: behind the window where firmware has put it, or behind RAM. */
  deviceMemoryFor(window: number, lowBytes: number): number;
  /** What firmware keeps of addresses that are not RAM, beside the window and itself: starts and bytes. */
  readonly reserved: readonly (readonly [start: number, length: number])[];
}

/** PCI configuration shows in memory. */
export const hasWindow = ({ window }: Chipset): boolean => window >= 0;

/** ISA IRQ that firmware reports for an interrupt pin. */
export function firmwareIrq(chipset: Chipset, device: number, pin: number): number {
  if (device === chipset.sciDevice && pin === 1) return SCI_IRQ;
  return chipset.firmwareRoutes[chipset.pirqOf(device, pin)] as number;
}

/** System control interrupt of power management. */
export const SCI_IRQ = 9;
/** Where our BIOS, and SeaBIOS, put PMBASE. */
export const PM_BASE = 0x600;

/** Q35 and ICH9. */
export const Q35: Chipset = {
  name: "q35",
  isaBridge: 0x1f,
  pirqs: 8,
  /**
   * Devices of the chipset (25–31) have A–D, as the reset values of their route registers say (ICH9 datasheet, 10.1.46 to
   * 10.1.52), the bridge for conventional PCI (30) E–H; slots rotate through E–H, as QEMU's q35 wires them.
   */
  pirqOf(device, pin) {
    if (device === 30) return 4 + pin - 1;
    if (device >= 25) return pin - 1;
    return 4 + ((device + pin - 1) & 3);
  },
  pirqRegister: (pirq) => (pirq < 4 ? 0x60 + pirq : 0x64 + pirq),
  firmwareRoutes: [10, 10, 11, 11, 10, 10, 11, 11],
  firstPirqPin: 16,
  sciDevice: undefined,
  powerBytes: 0x80,
  gpe0: { port: 0x20, bytes: 16, inBlock: true },
  hasSmiControl: true,
  resetBits: 0x0a,
  display: { device: 1, registers: 0xfebd_4000 },
  hasFloppyController: false,
  networkCard: "e1000e",
  drives: { places: 6, nameOf: (place) => `ide.${place}`, cableOf: (place) => [place, 0] },
  window: 0xb000_0000,
  lowRam: { limit: 0xb000_0000, kept: 0x8000_0000 },
  deviceMemoryFor: (window) => Math.max(window + WINDOW_BYTES, 0xc000_0000),
  // The root complex base.
  reserved: [[0xfed1_c000, 0x4000]],
};

/** 440FX and PIIX3, with the PIIX4's power management: QEMU's pc. */
export const I440FX: Chipset = {
  name: "pc",
  isaBridge: 1,
  pirqs: 4,
  /** Slots rotate, as QEMU's pc wires them. */
  pirqOf: (device, pin) => (device + pin - 2) & 3,
  pirqRegister: (pirq) => 0x60 + pirq,
  firmwareRoutes: [10, 10, 11, 11],
  firstPirqPin: undefined,
  sciDevice: 1,
  powerBytes: 0x40,
  gpe0: { port: 0xafe0, bytes: 4, inBlock: false },
  hasSmiControl: false,
  resetBits: 0x02,
  display: { device: 2, registers: 0xfebf_0000 },
  hasFloppyController: true,
  networkCard: "e1000",
  drives: {
    places: 4,
    nameOf: (place) => `ide.${place >> 1}, unit ${place & 1}`,
    cableOf: (place) => [place >> 1, place & 1],
  },
  window: -1,
  lowRam: { limit: 0xe000_0000, kept: 0xc000_0000 },
  deviceMemoryFor: (_, lowBytes) =>
    [0x8000_0000, 0xc000_0000].find((start) => lowBytes <= start) ?? 0xe000_0000,
  reserved: [],
};

export const CHIPSETS: readonly Chipset[] = [Q35, I440FX];
