// The state in which a PC BIOS leaves interrupt controllers, timer, local APIC and text font when it starts what it
// boots. Values are SeaBIOS's, read back from QEMU's q35.

import type { CpuAccess } from "../cpu-access.ts";
import type { Board } from "../pc.ts";
import { vgaFont } from "./vga-font.ts";

const ICW1 = 0x11;
/** Master and slave: vector base, cascade identity, mask. */
const PICS = [
  { ports: [0x20, 0x21], base: 0x08, cascade: 4, mask: 0xb8 },
  { ports: [0xa0, 0xa1], base: 0x70, cascade: 2, mask: 0x8e },
] as const;
/** IRQ 10 and 11, the PCI interrupts, are level triggered. */
const ELCR_SLAVE = 0x0c;

/** Local APIC of the boot CPU: enabled, LINT0 the 8259A's ExtINT, LINT1 NMI. */
const APIC = { spurious: 0x1ff, lint0: 0x8700, lint1: 0x8400 } as const;

/** MTRRs: write-back everywhere but in the top GiB below 4 GiB, or half of it where RAM reaches so far: devices are there. */
const MEMORY_TYPES = { defaultType: 0xc06n, fixed: 0x0606060606060606n } as const;
const UNCACHED = { base: 0xc0000000n, mask: 0x7fc0000800n } as const;
const LESS_UNCACHED = { base: 0xe0000000n, mask: 0x7fe0000800n } as const;

/**
 * Programs the board's devices through their ports, the boot CPU's local APIC, all CPUs' memory types. `lowBytes` is where
 * RAM below 4 GiB ends.
 */
export function leaveAsFirmwareDoes(
  board: Board,
  cpus: readonly CpuAccess[] = [],
  lowBytes = 0,
): void {
  cpus[0]?.setLocalApic(APIC.spurious, APIC.lint0, APIC.lint1);
  const m = MEMORY_TYPES;
  const { base, mask } = lowBytes > UNCACHED.base ? LESS_UNCACHED : UNCACHED;
  for (const cpu of cpus) cpu.setMemoryTypes(m.defaultType, m.fixed, base, mask);
  const out = (port: number, value: number): void => board.ports.write(port, value, 1);
  for (const pic of PICS) {
    const [command, data] = pic.ports;
    out(command, ICW1);
    out(data, pic.base);
    out(data, pic.cascade);
    out(data, 1);
    out(data, pic.mask);
  }
  out(0x4d1, ELCR_SLAVE);
  // DMA: the second controller lets the first one through.
  out(0xda, 0);
  out(0x0d, 0);
  out(0xd6, 0xc0);
  out(0xd4, 0);
  board.vga?.loadFont(vgaFont());
  // Channel 0: mode 2, full count, 18.2 Hz.
  out(0x43, 0x34);
  out(0x40, 0);
  out(0x40, 0);
}
