// Scripts of accesses to virtio devices, and what they read here and on QEMU's q35: a queue's rings are built by stores,
// as a driver does.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DiskOptions } from "../../../host/machine.ts";
import { Machine } from "../../../host/machine.ts";
import {
  type Access,
  busGuest,
  encodeScript,
  shown,
} from "../../../platform/testdata/bus-guest.ts";
import { BY_INSTRUCTIONS, runOnQemu } from "../../../platform/testdata/qemu.ts";
import { type Answers, load, pciWrite, store, storeBytes } from "../../ata/testdata/script.ts";
import type { DeviceRequest } from "../../device.ts";

/** A function in slot `slot`, whose base address registers the script sets. */
export class Place {
  readonly slot: number;

  constructor(slot: number) {
    this.slot = slot;
  }

  get legacy(): number {
    return 0xc000 + this.slot * 0x100;
  }

  get msix(): number {
    return 0xe000_0000 + this.slot * 0x10_0000;
  }

  get modern(): number {
    return this.msix + 0x1_0000;
  }

  /** A register of the common configuration structure. */
  common(register: number): number {
    return this.modern + register;
  }

  get isr(): number {
    return this.modern + 0x1000;
  }

  config(offset: number): number {
    return this.modern + 0x2000 + offset;
  }

  /** Decoding on, device reset. */
  bringUp(command = 7): Access[] {
    return [
      ...pciWrite(this.slot, 0, 4, 0, 2),
      ...pciWrite(this.slot, 0, 0x10, this.legacy | 1),
      ...pciWrite(this.slot, 0, 0x14, this.msix),
      ...pciWrite(this.slot, 0, 0x20, this.modern),
      ...pciWrite(this.slot, 0, 0x24, 0),
      ...pciWrite(this.slot, 0, 4, command, 2),
      ...this.status(0),
    ];
  }

  status(value: number): Access[] {
    return [["store", this.common(20), value, 1]];
  }

  /** A driver that accepts these features and VERSION_1, up to FEATURES_OK. */
  negotiate(low = 0): Access[] {
    return [
      ...this.status(1),
      ...this.status(3),
      store(this.common(8), 0),
      store(this.common(12), low),
      store(this.common(8), 1),
      store(this.common(12), 1),
      ...this.status(0xb),
    ];
  }

  /** Queue `q` with rings at `RINGS`, enabled; then DRIVER_OK. */
  start(low = 0, size = 8, queues: readonly number[] = [0]): Access[] {
    return [
      ...this.negotiate(low),
      ...queues.flatMap((q) => this.enable(q, size)),
      ...this.status(0xf),
    ];
  }

  enable(q: number, size = 8): Access[] {
    const rings = new Rings(q, size);
    return [
      ...rings.clear(),
      ["store", this.common(22), q, 2],
      ["store", this.common(24), size, 2],
      store(this.common(32), rings.descriptors),
      store(this.common(36), 0),
      store(this.common(40), rings.available),
      store(this.common(44), 0),
      store(this.common(48), rings.used),
      store(this.common(52), 0),
      ["store", this.common(28), 1, 2],
    ];
  }

  notify(q = 0): Access {
    return ["store", this.modern + 0x3000 + q * 4, q, 2];
  }

  /** Waits for the interrupt pin; reads ISR. */
  interrupted(mask?: number): Access[] {
    return [
      ["out", 0xcf8, (0x8000_0004 | (this.slot << 11)) >>> 0, 4],
      ["until-port-set", 0xcfe, 8],
      ["load", this.isr, 1, mask],
    ];
  }
}

export interface Descriptor {
  address: number;
  bytes: number;
  /** The device writes it. */
  write?: boolean;
  /** Other bits of the flags. */
  flags?: number;
  /** The next one where it is not the one behind. */
  next?: number;
  addressHigh?: number;
}

const RINGS = 0x20_0000;

/** A queue's rings in memory, where there are the same number of entries for each. */
export class Rings {
  readonly size: number;
  readonly descriptors: number;
  readonly available: number;
  readonly used: number;

  constructor(q = 0, size = 8, base = RINGS + q * 0x1_0000) {
    this.size = size;
    this.descriptors = base;
    this.available = base + 0x4000;
    this.used = base + 0x8000;
  }

  clear(): Access[] {
    return [
      ...storeBytes(this.available, new Array(8 + 2 * this.size).fill(0)),
      ...storeBytes(this.used, new Array(8 + 8 * this.size).fill(0)),
    ];
  }

  /** A chain from descriptor `head` on. */
  chain(descriptors: readonly Descriptor[], head = 0, table = this.descriptors): Access[] {
    return descriptors.flatMap((d, i) => {
      const at = table + (head + i) * 16;
      const more = i + 1 < descriptors.length || d.next !== undefined;
      const flags = (more ? 1 : 0) | (d.write ? 2 : 0) | (d.flags ?? 0);
      return [
        store(at, d.address),
        store(at + 4, d.addressHigh ?? 0),
        store(at + 8, d.bytes),
        store(at + 12, (flags | ((d.next ?? (more ? head + i + 1 : 0)) << 16)) >>> 0),
      ];
    });
  }

  /** Makes heads available as the `index`-th and following, counted from 1. */
  offer(index: number, ...heads: readonly number[]): Access[] {
    return [
      ...heads.map(
        (head, i): Access => [
          "store",
          this.available + 4 + 2 * ((index - 1 + i) % this.size),
          head,
          2,
        ],
      ),
      ["store", this.available + 2, index - 1 + heads.length, 2],
    ];
  }

  /** Waits until the `index`-th is used, if the one before it was. */
  wait(index: number): Access {
    return ["until-set", this.used, ((index & -index) << 16) >>> 0];
  }

  /** The used ring's index and its entries up to the `count`-th. */
  usedEntries(count: number): Access[] {
    return [
      load(this.used),
      ...Array.from({ length: count * 2 }, (_, i) => load(this.used + 4 + i * 4)),
    ];
  }
}

export interface Attached {
  disks?: readonly DiskOptions[];
  devices?: readonly DeviceRequest[];
  /** The same for QEMU; FILE0 and so on are the disks' images, OUT0 and so on files that ports of consoles write. */
  qemu: readonly string[];
  /** What is to be done with the machine before it runs. */
  onMachine?: (machine: Machine) => void;
}

/** What each of the machine's lines has sent to its port, and QEMU's to OUT0 and so on. */
export interface Outputs {
  ours: string[];
  theirs: string[];
}

const OUTPUTS = 2;
/** Lines of COM1 to COM4 come first. */
const FIRST_LINE = 4;

/** What the script reads, here and there. */
export async function answers(
  script: readonly Access[],
  at: Attached,
): Promise<Answers & { outputs: Outputs }> {
  const guest = busGuest();
  const encoded = encodeScript(script);
  let output = "";
  const machine = await Machine.create({
    kernel: guest,
    modules: [{ file: encoded }],
    disks: at.disks ?? [],
    devices: at.devices ?? [],
    debugExit: { iobase: 0xf4, iosize: 4 },
    onDebugConsole: (b) => {
      output += String.fromCharCode(b);
    },
  });
  at.onMachine?.(machine);
  machine.runSync({ nanoseconds: 5e9 });
  const directory = mkdtempSync(join(tmpdir(), "emu-virtio-"));
  try {
    (at.disks ?? []).forEach(({ image }, i) => {
      writeFileSync(join(directory, `disk${i}`), image as Uint8Array);
    });
    const extra = at.qemu.map((text) =>
      text
        .replaceAll(/FILE(\d)/g, `${directory}/disk$1`)
        .replaceAll(/OUT(\d)/g, `${directory}/output$1`),
    );
    const all = [...BY_INSTRUCTIONS, "-nic", "none", ...extra];
    const oracle = runOnQemu(guest, [encoded], all).debugcon;
    const files = Array.from({ length: OUTPUTS }, (_, i) => join(directory, `output${i}`));
    const outputs = {
      ours: machine.serialLines.slice(FIRST_LINE).map((line) => line.output),
      theirs: files.filter(existsSync).map((file) => readFileSync(file, "latin1")),
    };
    return { ours: shown(script, output), theirs: shown(script, oracle), outputs };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
