// What the kernel has to know of PCI: whether a page is a device's configuration page or an HPET, which
// is how a driver proves that it may program a message-signalled interrupt.

import { hpetAddress, mcfgBase, mcfgBytes } from "./acpi";
import { findMapping, foundAttr, foundOrder, foundPhys } from "./page_table";
import { Pd } from "./pd";

/** Whether the domain's page at this address is one of PCI configuration space or of the HPET. */
export function isPciConfigPage(pd: Pd, address: u64): bool {
  if (address >> 47 !== 0) return false;
  findMapping(pd.pageTable, address);
  if (foundAttr === 0) return false;
  const phys = foundPhys + (address & (((<u64>1) << (<u64>foundOrder)) - 1));
  const base = mcfgBase();
  if (base !== 0 && phys >= base && phys < base + mcfgBytes()) return true;
  const hpet = hpetAddress();
  return hpet !== 0 && phys >> 12 === hpet >> 12;
}
