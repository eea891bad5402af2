// The SATA controller of the ICH9, on q35 and as a device that is added (ICH9 datasheet, 13 and 15; AHCI 1.3.1, 2 and
// 3.1): six ports with disks and CDs. As QEMU's it is AHCI 1.0 and nothing else: no IDE mode, no port multipliers, no
// power states of the link, no hot plugging.

import type { Disk } from "../../media/disk.ts";
import { Q35 } from "../chipset.ts";
import {
  allOnes,
  type Device,
  type DeviceKind,
  type MmioHandler,
  peekRegisters,
  type Slot,
} from "../device.ts";
import { type PciFunction, SLOT_OPTION } from "../pci.ts";
import { AhciPort } from "./ahci-port.ts";
import type { PortState } from "./ahci-port-state.ts";
import { capabilities, GHC, HBA, PORT_BYTES, PORTS, VERSION } from "./ahci-registers.ts";
import type { AtaDevice } from "./ata-device.ts";
import { AtaDisk } from "./ata-disk.ts";
import { AtapiDrive } from "./atapi-drive.ts";

export const AHCI_PORTS = 6;
/** Controllers that are added. */
export const MAX_AHCI = 8;
const REGISTER_BYTES = 0x1000;
/** BAR 4: the index and data registers are in its upper half. */
const PAIR_BYTES = 32;
const INDEX = 0x10;
const DATA = 0x14;

/** Serial ATA capability (Serial ATA revision 2.6; ICH9, 13.1.36): revision 1.0, index and data in BAR 4 at 10h. */
const SATA_CAPABILITY = { id: 0x12, at: 0xa8, bytes: [0x10, 0, 0x48, 0, 0, 0] } as const;
const COMMAND = 0x04;
const BUS_MASTER = 4;
/** Address map register: AHCI. */
const MAP = 0x90;
const MAP_AHCI = 0x40;

/** Name of the drive at a port: what it says of itself. */
const serialOf = (port: number): string => `TH${`${port}`.padStart(5, "0")}`;

/** Where a controller is, and what is at its ports. */
interface Place {
  device: number;
  fn: number;
  multifunction: boolean;
  /** Where our BIOS puts its registers, I/O and memory; anywhere unless given. */
  addresses: { io?: number; memory?: number };
  disks: readonly (Disk | undefined)[];
  /** Number of its first drive. */
  firstDrive: number;
}

const ICH9: Omit<Place, "disks"> = {
  ...{ device: 0x1f, fn: 2, multifunction: true },
  addresses: { io: 0xc060, memory: 0xfebd_5000 },
  firstDrive: 0,
};

interface AhciState {
  ghc: number;
  /** Ports whose interrupts have not been acknowledged. */
  is: number;
  /** Register that the index and data pair accesses. */
  index: number;
  ports: PortState[];
}

export class Ahci implements Device {
  readonly name: string;
  /** Device number on the bus. */
  readonly slotNumber: number;
  readonly #ports: readonly AhciPort[];
  readonly #fn: PciFunction;
  state: AhciState;

  constructor(slot: Slot, place: Place = { ...ICH9, disks: slot.board.media.ata }) {
    const { device, fn, multifunction, addresses, disks, firstDrive } = place;
    this.name = slot.name;
    this.slotNumber = device;
    this.#fn = slot.pci({
      ...{ device, fn, multifunction },
      vendor: 0x8086,
      deviceId: 0x2922,
      classCode: 0x010601,
      revision: 2,
      bars: [
        { index: 4, kind: "io", size: PAIR_BYTES, address: addresses.io, handler: this.#pair() },
        {
          index: 5,
          kind: "memory",
          size: REGISTER_BYTES,
          address: addresses.memory,
          handler: this.#registers(),
        },
      ],
      interruptPin: 1,
      msi: { messages: 1, at: 0x80 },
      capabilities: [SATA_CAPABILITY],
    });
    this.#fn.config[MAP] = MAP_AHCI;
    // A BIOS has looked for disks.
    this.#fn.set16(COMMAND, this.#fn.get16(COMMAND) | BUS_MASTER);
    this.#fn.sealPowerOn();
    const host = {
      memory: this.#fn.dma,
      now: () => slot.clock.now(),
      interrupt: () => this.#update(0),
    };
    this.#ports = Array.from({ length: AHCI_PORTS }, (_, i) => {
      const device = deviceOf(disks[i], firstDrive + i);
      return new AhciPort(device, host, (fire) => slot.timer(fire, `${i}`));
    });
    this.state = { ghc: GHC.ahci, is: 0, index: 0, ports: [] };
    this.reset();
  }

  reset(): void {
    for (const port of this.#ports) port.powerOn();
    this.state = { ghc: GHC.ahci, is: 0, index: 0, ports: [] };
    this.#keepPorts();
    this.#update(0);
  }

  restored(): void {
    this.#ports.forEach((port, i) => {
      port.state = this.state.ports[i] as PortState;
      port.restored();
    });
  }

  #keepPorts(): void {
    this.state.ports = this.#ports.map((p) => p.state);
  }

  /** GHC.HR: everything but the addresses of lists. */
  #hostReset(): void {
    for (const port of this.#ports) port.hostReset();
    this.#keepPorts();
    this.state.ghc = GHC.ahci;
    this.state.is = 0;
    this.#update(0);
  }

  /** Takes `acknowledged` out of IS and brings it, and the interrupt, up to date with the ports'. */
  #update(acknowledged: number): void {
    const s = this.state;
    let pending = 0;
    this.#ports.forEach(({ state: { is, ie } }, i) => {
      if (is & ie) pending |= 1 << i;
    });
    const before = s.is & ~acknowledged;
    s.is = before | pending;
    const wanted = (s.ghc & GHC.interrupts) !== 0 && s.is !== 0;
    const was = this.#fn.state.interrupt;
    this.#fn.setInterrupt(wanted);
    // By message each port's interrupt is told, and what is left when some have been acknowledged (10.6.2.1).
    if (was && wanted && (s.is & ~before || acknowledged)) this.#fn.sendMessage(0);
  }

  #read(offset: number): number {
    const s = this.state;
    switch (offset) {
      case HBA.cap:
        return capabilities(AHCI_PORTS);
      case HBA.ghc:
        return s.ghc;
      case HBA.is:
        return s.is;
      case HBA.pi:
        return 2 ** AHCI_PORTS - 1;
      case HBA.vs:
        return VERSION;
    }
    const port = this.#portAt(offset);
    return port === undefined ? 0 : port.read((offset - PORTS) % PORT_BYTES) >>> 0;
  }

  #write(offset: number, value: number): void {
    const s = this.state;
    if (offset === HBA.ghc) {
      if (value & GHC.reset) {
        this.#hostReset();
        return;
      }
      s.ghc = (GHC.ahci | (value & GHC.interrupts)) >>> 0;
      this.#update(0);
    } else if (offset === HBA.is) this.#update(value);
    else this.#portAt(offset)?.write((offset - PORTS) % PORT_BYTES, value);
  }

  #portAt(offset: number): AhciPort | undefined {
    return offset < PORTS ? undefined : this.#ports[Math.floor((offset - PORTS) / PORT_BYTES)];
  }

  /** Registers of 32 bits, which may be read in parts; writes are of whole ones (AHCI 1.3.1, 3). */
  #registers(): MmioHandler {
    return {
      read: (offset, size) => {
        const shift = 8 * (offset & 3);
        return ((this.#read(offset & ~3) >>> shift) & allOnes(size)) >>> 0;
      },
      peek: peekRegisters((offset) => this.#read(offset)),
      write: (offset, value, size) => {
        if (size === 4 && (offset & 3) === 0) this.#write(offset, value);
      },
    };
  }

  #pair(): MmioHandler {
    return {
      read: (offset, size) => {
        if (size !== 4) return 0;
        if (offset === INDEX) return this.state.index;
        return offset === DATA ? this.#read(this.state.index) : 0;
      },
      write: (offset, value, size) => {
        if (size !== 4) return;
        if (offset === INDEX) this.state.index = value & (REGISTER_BYTES - 4);
        else if (offset === DATA) this.#write(this.state.index, value);
      },
    };
  }
}

function deviceOf(disk: Disk | undefined, port: number): AtaDevice | undefined {
  if (disk === undefined) return undefined;
  const serial = serialOf(port);
  return disk.kind === "cdrom" ? new AtapiDrive(disk, serial) : new AtaDisk(disk, serial, true);
}

/** By `-device`: on any board, at any device of the bus; INTA, MSI, and six ports again. */
export const addedAhci: DeviceKind<{ index: number; addr: number }> = {
  name: "ahci",
  what: "SATA controller (AHCI) with six ports",
  options: {
    index: { default: 0, minimum: 0, maximum: MAX_AHCI - 1 },
    addr: SLOT_OPTION,
  },
  nameOf: ({ index }) => `ahci.${index}`,
  create: (slot, { index, addr }) =>
    new Ahci(slot, {
      ...{ device: addr, fn: 0, multifunction: false, addresses: {} },
      disks: slot.board.media.ahci?.[index] ?? [],
      firstDrive: (index + 1) * AHCI_PORTS,
    }),
};

export const ahci: DeviceKind = {
  name: "ich9-ahci",
  what: "ICH9 SATA controller at 0:1f.2: AHCI with six ports",
  builtIn: true,
  wanted: ({ chipset }) => chipset === Q35,
  create: (slot) => new Ahci(slot),
};
