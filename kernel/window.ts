// The window onto physical memory: the boot stub maps it with 2 MiB pages, the same for all address spaces.
// Single pages are taken out of it where nothing may ever be touched: below stacks. Intel SDM vol. 3A, 4.5.4.

import { allocPage } from "./page";
import { kernelRoot, PTE_ADDRESS, PTE_GLOBAL, PTE_LARGE, PTE_P, PTE_W } from "./page_table";
import { invlpg, window } from "./x86";

/** Address of the entry for an offset in the window: of its 2 MiB in the page directory. */
function directoryEntry(offset: usize): usize {
  const pointers = <usize>(load<u64>(<usize>kernelRoot(), 511 * 8) & PTE_ADDRESS);
  const gigabyte = (<usize>(window() >> 30) & 511) + (offset >> 30);
  const directory = <usize>(load<u64>(pointers + (gigabyte << 3)) & PTE_ADDRESS);
  return directory + (((offset >> 21) & 511) << 3);
}

/**
 * Takes the page at an offset of the window away; false if memory for splitting a large page is out. Only
 * while no other CPU runs: translations are dropped on this one alone.
 */
export function unmapWindowPage(offset: usize): bool {
  const at = directoryEntry(offset);
  const entry = load<u64>(at);
  let table = <usize>(entry & PTE_ADDRESS);
  if (entry & PTE_LARGE) {
    table = allocPage();
    if (table === 0) return false;
    let page = entry & ~PTE_LARGE;
    for (let i: usize = 0; i < 4096; i += 8) {
      store<u64>(table + i, page);
      page += 4096;
    }
    store<u64>(at, <u64>table | (entry & 0xfff & ~PTE_LARGE & ~PTE_GLOBAL) | PTE_W);
  }
  store<u64>(table + (((offset >> 12) & 511) << 3), 0);
  invlpg(window() + <u64>offset);
  return true;
}

/** Whether a virtual address is one of the window's 4 GiB. */
export function isInWindow(address: u64): bool {
  return (address - window()) >> 32 === 0;
}

/** Whether an address in the window can be read. */
export function isWindowPage(address: u64): bool {
  const offset = address - window();
  const entry = load<u64>(directoryEntry(<usize>offset));
  if ((entry & PTE_P) === 0 || entry & PTE_LARGE) return (entry & PTE_P) !== 0;
  const page = load<u64>(<usize>(entry & PTE_ADDRESS) + ((<usize>(offset >> 12) & 511) << 3));
  return (page & PTE_P) !== 0;
}
