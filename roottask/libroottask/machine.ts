// The machine as the HIP describes it: claims RAM (mapped one to one), ports and ACPI tables from the
// kernel, and finds the boot modules. The roottask's own image lies in a hole of that mapping, whose RAM,
// like all RAM from RAM_END on, is left alone.

import {
  framebufferAddress,
  framebufferBytes,
  isFramebuffer,
} from "../../tools/screen/guest/framebuffer";
import {
  CRD_MEM,
  CRD_PIO,
  HIP_MEM_TYPE_AVAILABLE,
  HIP_MEM_TYPE_MODULE,
  MEM_R,
  MEM_W,
  MEM_X,
  PAGE_SIZE,
  ROOT_SEL_PD,
  XFER_FROM_KERNEL,
} from "../libhedron/abi";
import { hipFramebuffer, hipMemory, hipMemoryCount } from "../libhedron/hip";
import { delegateRange } from "../libhedron/hypercalls";
import { load64 } from "../libhedron/x86";
import { initFrames } from "./frames";
import { addPages, initPages, STATE_BYTES } from "./pages";
import { equalsLiteral, terminatedLength } from "./text";

/** Where the roottask is linked (asm/layout.ts says the same to the linker). */
export const IMAGE_BASE: u64 = 0x7000_0000;
export const IMAGE_END: u64 = 0x7100_0000;
/** RAM is used below it; PC chipsets put none between 3 and 4 GiB. */
export const RAM_END: u64 = 0xc000_0000;
/** Addresses of the UTCBs of its handlers. */
export const UTCB_BASE: u32 = 0xe000_0000;
/** Address of the UTCB of what is called while the roottask measures, behind those of its handlers. */
export const MEASURED_UTCB: u64 = 0xe080_0000;
/** Address of the UTCB of the EC that listens at the serial line, behind that one. */
export const SERIAL_UTCB: u64 = 0xe080_1000;
/**
 * Addresses of three UTCBs per processor: of who handles the roottask's own exceptions there, of the decoy (thread.ts), and
 * of the EC that stores extended state (linux/extended_state.ts).
 */
const PROCESSOR_UTCBS: u32 = 0xe081_0000;

export function handlerUtcb(processor: u32): usize {
  return PROCESSOR_UTCBS + processor * 3 * PAGE_SIZE;
}

export function stateUtcb(processor: u32): usize {
  return handlerUtcb(processor) + 2 * PAGE_SIZE;
}

export function decoyUtcb(processor: u32): usize {
  return handlerUtcb(processor) + PAGE_SIZE;
}
/** The first MiB belongs to the firmware and to the start code of other processors. */
const LOW_END: u64 = 0x10_0000;

/** Largest piece delegated at once: 1 GiB. */
const CLAIM_ORDER: u64 = 18;
const PAGE: u64 = 4096;

const RANGES_MAX: u32 = 64;
const ranges = memory.data(64 * 16);

/** The copy of the hypervisor information page. */
export const hip = memory.data(4096);

/** Copies the HIP from its virtual address. */
export function copyHip(address: u64): void {
  for (let i: u32 = 0; i < (PAGE_SIZE as u32); i += 8)
    store<u64>(hip + i, load64(address + (i as u64)));
}

/** The range is wholly inside what can be mapped one to one. */
export function reachable(start: u64, end: u64): bool {
  return start <= end && end <= RAM_END && (end <= IMAGE_BASE || start >= IMAGE_END);
}

/** Asks the kernel for the pages of [start, end), which has to be reachable, at the same addresses. */
export function claimMemory(start: u64, end: u64): void {
  if (!reachable(start, end)) return;
  const all = MEM_R | MEM_W | MEM_X;
  let at = start / PAGE;
  const stop = (end + PAGE - 1) / PAGE;
  while (at < stop) {
    let order: u64 = 0;
    while (
      order < CLAIM_ORDER &&
      (at & ((1 as u64) << order)) === 0 &&
      at + ((2 as u64) << order) <= stop
    ) {
      order++;
    }
    delegateRange(ROOT_SEL_PD, ROOT_SEL_PD, CRD_MEM, at, at, order, all, XFER_FROM_KERNEL);
    at += (1 as u64) << order;
  }
}

/** Asks the kernel for `count` I/O ports from `first` on. */
export function claimPorts(first: u32, count: u32): void {
  for (let port = first; port < first + count; port++) {
    const number = port as u64;
    delegateRange(ROOT_SEL_PD, ROOT_SEL_PD, CRD_PIO, number, number, 0, 1, XFER_FROM_KERNEL);
  }
}

/** The end of what must not be used at `at`, or `at` where it is free; `nextTaken` is the next such start. */
let nextTaken: u64 = 0;

let until: u64 = 0;

/** Accounts for `bytes` from `address` on, which are not free. */
function take(at: u64, address: u64, bytes: u64): void {
  const start = address & ~(PAGE - 1);
  const end = (address + bytes + PAGE - 1) & ~(PAGE - 1);
  if (start <= at && end > until) until = end;
  if (start > at && start < nextTaken) nextTaken = start;
}

function takenUntil(at: u64): u64 {
  until = at;
  nextTaken = ~(0 as u64);
  take(at, IMAGE_BASE, IMAGE_END - IMAGE_BASE);
  const count = hipMemoryCount(hip);
  for (let i: u32 = 0; i < count; i++) {
    const memory = hipMemory(hip, i);
    if (memory.type !== HIP_MEM_TYPE_AVAILABLE) take(at, memory.address, memory.size);
  }
  // Firmware may have taken it from what it calls available.
  const screen = hipFramebuffer(hip);
  if (screen !== 0 && isFramebuffer(screen)) {
    take(at, framebufferAddress(screen), framebufferBytes(screen));
  }
  return until;
}

/** Lists the free RAM below RAM_END in `ranges`; returns the number of entries. */
function listFree(): u32 {
  let found: u32 = 0;
  const count = hipMemoryCount(hip);
  for (let i: u32 = 0; i < count; i++) {
    const region = hipMemory(hip, i);
    if (region.type !== HIP_MEM_TYPE_AVAILABLE) continue;
    let at = max<u64>((region.address + PAGE - 1) & ~(PAGE - 1), LOW_END);
    const end = min<u64>(region.address + region.size, RAM_END) & ~(PAGE - 1);
    while (at < end && found < RANGES_MAX) {
      const until = takenUntil(at);
      if (until > at) {
        at = until;
        continue;
      }
      const stop = min<u64>(nextTaken, end);
      store<u64>(ranges + found * 16, at);
      store<u64>(ranges + found * 16 + 8, stop);
      found++;
      at = stop;
    }
  }
  return found;
}

/** Claims the free RAM and gives it to the page allocator. False where there is less than a few MiB. */
export function claimRam(): bool {
  const count = listFree();
  let states: u64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const start = load<u64>(ranges + i * 16);
    const end = load<u64>(ranges + i * 16 + 8);
    claimMemory(start, end);
    if (states === 0 && end - start > 4 * (STATE_BYTES as u64)) {
      states = start;
      store<u64>(ranges + i * 16, start + (STATE_BYTES as u64));
    }
  }
  if (states === 0) return false;
  initPages(states as usize);
  initFrames();
  for (let i: u32 = 0; i < count; i++) {
    addPages(load<u64>(ranges + i * 16), load<u64>(ranges + i * 16 + 8));
  }
  return true;
}

/** The number of ranges of RAM that `claimRam` has claimed, for `ramStart` and `ramEnd`. */
export function ramRanges(): u32 {
  return listFree();
}

export function ramStart(index: u32): u64 {
  return load<u64>(ranges + index * 16);
}

export function ramEnd(index: u32): u64 {
  return load<u64>(ranges + index * 16 + 8);
}

/** Whether all of [start, end) is RAM that `claimRam` has claimed. */
export function owns(start: u64, end: u64): bool {
  if (!reachable(start, end)) return false;
  const count = ramRanges();
  for (let i: u32 = 0; i < count; i++) {
    if (ramStart(i) <= start && ramEnd(i) >= end) return true;
  }
  return false;
}

/** Result of `findModule`. */
export let moduleAddress: usize = 0;
export let moduleSize: u32 = 0;

/** The boot module whose command line is `name` (a path in front of it, as boot loaders write, is skipped). */
export function findModule(name: string): bool {
  const count = hipMemoryCount(hip);
  for (let i: u32 = 0; i < count; i++) {
    const region = hipMemory(hip, i);
    if (region.type !== HIP_MEM_TYPE_MODULE || region.aux === 0) continue;
    const text = region.aux as usize;
    claimMemory(text as u64, (text as u64) + PAGE);
    if (!lastWordIs(text, name)) continue;
    if (!reachable(region.address, region.address + region.size)) continue;
    claimMemory(region.address, region.address + region.size);
    moduleAddress = region.address as usize;
    moduleSize = region.size as u32;
    return true;
  }
  return false;
}

/** Bytes of the command line that are looked at, with the NUL at its end. */
export const LINE_BYTES: u32 = 1024;
const line = memory.data(1024);
let hasLine = false;

/** The command line of the roottask, which is the first module's: its address, or 0. */
function foundLine(): usize {
  const count = hipMemoryCount(hip);
  for (let i: u32 = 0; i < count; i++) {
    const region = hipMemory(hip, i);
    if (region.type !== HIP_MEM_TYPE_MODULE) continue;
    if (region.aux === 0) return 0;
    const text = region.aux as usize;
    claimMemory(text as u64, (text as u64) + PAGE);
    return text;
  }
  return 0;
}

/** The same, as a copy that stays: the memory that it came in is used again once the system is up. */
export function commandLine(): usize {
  if (hasLine) return line;
  hasLine = true;
  const text = foundLine();
  if (text !== 0) memory.copy(line, text, terminatedLength(text, LINE_BYTES - 1));
  return line;
}

/** Result of `findOption`: what stands behind the prefix. */
export let optionValue: usize = 0;
export let optionLength: u32 = 0;

function findWord(prefix: string, alone: bool): bool {
  const text = commandLine();
  const skip = prefix.length as u32;
  const length = terminatedLength(text, LINE_BYTES);
  let found = false;
  let start: u32 = 0;
  while (start < length) {
    let end = start;
    while (end < length && load<u8>(text + end) !== 32) end++;
    const fits = alone ? end - start === skip : end - start >= skip;
    if (fits && equalsLiteral(text + start, skip, prefix)) {
      optionValue = text + start + skip;
      optionLength = end - start - skip;
      found = true;
    }
    start = end + 1;
  }
  return found;
}

/** Looks for a word of the roottask's command line that begins with `prefix`; the last one counts. */
export function findOption(prefix: string): bool {
  return findWord(prefix, false);
}

/** Whether the command line of the roottask has the word. */
export function hasOption(name: string): bool {
  return findWord(name, true);
}

function lastWordIs(text: usize, name: string): bool {
  let end = terminatedLength(text, PAGE_SIZE);
  while (end > 0 && load<u8>(text + end - 1) === 32) end--;
  let start = end;
  while (start > 0 && load<u8>(text + start - 1) !== 32) start--;
  return equalsLiteral(text + start, end - start, name);
}
