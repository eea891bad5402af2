// Global system interrupts: each has a semaphore in the kernel's domain (selector NUM_CPU + GSI) that
// an interrupt ups. The driver's `down` unmasks a level-triggered pin again. doc/kernel-interface.md of
// the reference, "assign_gsi".

import { BAD_CPU, BAD_DEV, NUM_CPU, NUM_GSI, SUCCESS } from "./abi";
import { overrideFlags } from "./acpi";
import { Cpu } from "./cpu";
import { Ec } from "./ec";
import { ioapicOf, setMasked, setRedirection } from "./ioapic";
import { endOfInterrupt } from "./lapic";
import { VEC_GSI } from "./layout";
import { allocPage } from "./page";
import { isPciConfigPage } from "./pci";
import { Pd } from "./pd";
import { createSm, Sm, up } from "./sm";
import { insertObject } from "./space_obj";

const ACTIVE_LOW: u32 = 1 << 13;
const LEVEL: u32 = 1 << 15;
const MAX_DESTINATION: u32 = 0xfe;
const MSI_ADDRESS: u64 = 0xfee00000;

/** Per GSI: address of its semaphore and its redirection bits, two u32. */
let table: usize = 0;

/** Creates the semaphores; false if memory is out. */
export function initGsis(kernel: Pd): bool {
  table = allocPage();
  if (table === 0) return false;
  for (let gsi: u32 = 0; gsi < <u32>NUM_GSI; gsi++) {
    const sm = createSm(kernel, NUM_CPU + gsi, 0);
    if (changetype<usize>(sm) === 0 || !insertObject(sm)) return false;
    store<u32>(table + (gsi << 3), <u32>changetype<usize>(sm));
    // ISA interrupts are edge-triggered and active high, PCI ones level and low, if ACPI says nothing else.
    const flags = overrideFlags(gsi);
    let mode: u32 = gsi < 16 ? 0 : LEVEL | ACTIVE_LOW;
    if ((flags & 3) === 3) mode |= ACTIVE_LOW;
    if ((flags & 3) === 1) mode &= ~ACTIVE_LOW;
    if ((flags & 12) === 12) mode |= LEVEL;
    if ((flags & 12) === 4) mode &= ~LEVEL;
    store<u32>(table + (gsi << 3), mode, 4);
  }
  return true;
}

/** The GSI an interrupt semaphore stands for. */
export function gsiOf(sm: Sm): u32 {
  return sm.base - NUM_CPU;
}

function modeOf(gsi: u32): u32 {
  return load<u32>(table + (gsi << 3), 4);
}

/** The driver waits for the next interrupt. */
export function unmaskGsi(gsi: u32): void {
  if (modeOf(gsi) & LEVEL) setMasked(gsi, false);
}

/** An interrupt with the vector of `gsi` has arrived. */
export function gsiInterrupt(gsi: u32): void {
  if (modeOf(gsi) & LEVEL) setMasked(gsi, true);
  endOfInterrupt();
  up(changetype<Sm>(<usize>load<u32>(table + (gsi << 3))));
}

/** The rest of assign_gsi: sets the route and OUT2, OUT3. */
export function routeGsi(ec: Ec, gsi: u32, target: Cpu, reconfigure: bool): i32 {
  if (gsi >= <u32>NUM_GSI) return BAD_DEV;
  // Without an IOMMU devices and IOAPICs name a CPU by eight bits.
  if (target.apicId > MAX_DESTINATION) return BAD_CPU;
  const vector: u32 = VEC_GSI + gsi;
  if (ioapicOf(gsi) >= 0) {
    if (reconfigure) {
      const mode =
        ((ec.rdx >> 32) & 1 ? LEVEL : <u32>0) | ((ec.rdx >> 33) & 1 ? ACTIVE_LOW : <u32>0);
      store<u32>(table + (gsi << 3), mode, 4);
    }
    setRedirection(gsi, target.apicId, vector | modeOf(gsi));
    ec.rsi = 0;
    ec.rdx = 0;
    return SUCCESS;
  }
  // A message-signalled interrupt: the caller shows that it owns the device by its configuration page.
  if (!isPciConfigPage(ec.domain, ec.rsi)) return BAD_DEV;
  store<u32>(table + (gsi << 3), 0, 4);
  ec.rsi = MSI_ADDRESS | ((<u64>target.apicId) << 12);
  // The reference leaves the address in the upper half, above the 32 bits of the data.
  ec.rdx = (ec.rsi << 32) | <u64>vector;
  return SUCCESS;
}
