// The IDE function of the PIIX3 (Intel 82371SB datasheet, 2.3 and 2.8): two channels at the ports and interrupts that
// they have had since the AT, each with two devices, and a bus master function for their data.

import type { Disk } from "../../media/disk.ts";
import { I440FX } from "../chipset.ts";
import type { Device, DeviceKind, MmioHandler, Slot } from "../device.ts";
import type { PciFunction } from "../pci.ts";
import type { AtaDevice } from "./ata-device.ts";
import { AtaDisk } from "./ata-disk.ts";
import { AtapiDrive } from "./atapi-drive.ts";
import { type ChannelState, IdeChannel } from "./ide-channel.ts";

/** Command block, control block and interrupt of each channel. */
const CHANNELS = [
  { command: 0x1f0, control: 0x3f6, irq: 14 },
  { command: 0x170, control: 0x376, irq: 15 },
] as const;
const MASTER_BYTES = 8;
/** Timing registers: the channel decodes its ports. */
const TIMING = 0x40;
const DECODES = 0x8000;
/** Status: medium DEVSEL timing, fast back-to-back transfers. */
const STATUS = 0x06;
const STATUS_RESET = 0x0280;

interface IdeState {
  channels: ChannelState[];
}

export class Ide implements Device {
  readonly name: string;
  state: IdeState;
  readonly #channels: readonly IdeChannel[];
  readonly #fn: PciFunction;

  constructor(slot: Slot) {
    this.name = slot.name;
    this.#fn = slot.pci({
      device: slot.board.chipset.isaBridge,
      fn: 1,
      vendor: 0x8086,
      deviceId: 0x7010,
      classCode: 0x010180,
      bars: [{ index: 4, kind: "io", size: 2 * MASTER_BYTES, handler: this.#masters() }],
    });
    for (const at of [TIMING, TIMING + 2]) {
      if (!slot.board.bare) this.#fn.set16(at, DECODES);
      this.#fn.allow16(at, 0xffff);
    }
    this.#fn.set16(STATUS, STATUS_RESET);
    this.#fn.sealPowerOn();
    const host = {
      memory: this.#fn.dma,
      now: () => slot.clock.now(),
    };
    this.#channels = CHANNELS.map(({ command, control, irq }, i) => {
      const drive = (unit: number): AtaDevice | undefined =>
        deviceOf(slot.board.media.ata[2 * i + unit], 2 * i + unit);
      const channel = new IdeChannel([drive(0), drive(1)], host, slot.isaIrq(irq), (fire) =>
        slot.timer(fire, `${i}`),
      );
      slot.ports(
        command,
        1,
        {
          read: (_, size) => channel.readData(size),
          write: (_, value, size) => channel.writeData(value, size),
        },
        7,
      );
      slot.ports(command + 1, 7, {
        read: (port) => channel.read(port - command),
        write: (port, value) => channel.write(port - command, value),
      });
      slot.ports(control, 1, {
        read: () => channel.alternateStatus(),
        write: (_, value) => channel.writeControl(value),
      });
      return channel;
    });
    this.state = { channels: [] };
    this.reset();
  }

  reset(): void {
    for (const channel of this.#channels) channel.powerOn();
    this.state = { channels: this.#channels.map((c) => c.state) };
  }

  restored(): void {
    this.#channels.forEach((channel, i) => {
      channel.state = this.state.channels[i] as ChannelState;
      channel.restored();
    });
  }

  /** Bus master registers, of bytes that may be accessed together. */
  #masters(): MmioHandler {
    const channel = (offset: number): IdeChannel =>
      this.#channels[offset >= MASTER_BYTES ? 1 : 0] as IdeChannel;
    return {
      read: (offset, size) => {
        let value = 0;
        for (let i = size - 1; i >= 0; i--) {
          const at = offset + i;
          value = value * 256 + channel(at).readMaster(at % MASTER_BYTES);
        }
        return value;
      },
      write: (offset, value, size) => {
        for (let i = 0; i < size; i++) {
          const at = offset + i;
          channel(at).writeMaster(at % MASTER_BYTES, (value >>> (8 * i)) & 0xff);
        }
      },
    };
  }
}

function deviceOf(disk: Disk | undefined, unit: number): AtaDevice | undefined {
  if (disk === undefined) return undefined;
  const serial = `TH${`${unit}`.padStart(5, "0")}`;
  return disk.kind === "cdrom" ? new AtapiDrive(disk, serial) : new AtaDisk(disk, serial, false);
}

export const piix3Ide: DeviceKind = {
  name: "piix3-ide",
  what: "PIIX3 IDE at 0:1.1: two channels at 1F0h and 170h",
  builtIn: true,
  wanted: ({ chipset }) => chipset === I440FX,
  create: (slot) => new Ide(slot),
};
