// The window onto physical memory: the boot stub maps it with 2 MiB pages, the same for all address spaces.
// Single pages are taken out of it where nothing may ever be touched: below stacks. Intel SDM vol. 3A, 4.5.4.

import { allocPage } from "./page";
import {
  kernelRoot,
  PTE_ADDRESS,
  PTE_GLOBAL,
  PTE_LARGE,
  PTE_NX,
  PTE_P,
  PTE_W,
  PTE_WC,
} from "./page_table";
import { enableWriteCombining } from "./pat";
import { screen_directory } from "./symbol";
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

/** Where the screen is mapped: the GiB below the window, with one directory of its own. */
const SCREEN_OFFSET: u64 = 0x4000_0000;
const SCREEN_POINTER: usize = 503;
const LARGE_PAGE: u64 = 0x20_0000;

/**
 * Maps the physical addresses [first, end) write-combining, wherever they are, for all address spaces; returns the
 * virtual address of the first, or 0 if they are too many. Once, on the boot CPU, which runs alone.
 */
export function mapScreen(first: u64, end: u64): u64 {
  const start = first & ~(LARGE_PAGE - 1);
  if (end - start > SCREEN_OFFSET) return 0;
  enableWriteCombining();
  const directory = <usize>screen_directory();
  const attr = PTE_P | PTE_W | PTE_WC | PTE_LARGE | PTE_GLOBAL | PTE_NX;
  let slot = directory;
  for (let at = start; at < end; at += LARGE_PAGE) {
    store<u64>(slot, at | attr);
    slot += 8;
  }
  const pointers = <usize>(load<u64>(<usize>kernelRoot(), 511 * 8) & PTE_ADDRESS);
  store<u64>(pointers + SCREEN_POINTER * 8, <u64>directory | PTE_P | PTE_W);
  return window() - SCREEN_OFFSET + (first - start);
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
