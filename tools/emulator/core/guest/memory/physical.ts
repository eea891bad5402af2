// Physical memory: RAM, ROM and video memory in the core's own memory, the local APIC's page, and devices, which the
// platform answers for.

import { PAGE_MMIO, PAGE_RAM, PAGE_ROM } from "../../protocol";
import { FAULT_AGAIN, PAGE_HOST, S_COARSE, S_CPU, S_FAULT } from "../../state";
import { apicBasePage, apicRead, apicWrite } from "../processor/apic";
import { PAGE_MASK } from "../processor/control_bits";
import { mmio_read, mmio_write } from "../processor/env";
import { charge, DEVICE_READ, DEVICE_WRITE, LOCAL_APIC } from "../processor/latency";
import { codeWritten, holdsCode } from "./code_pages";
import { frameOf, NO_FRAME } from "./high_memory";
import { EXEC, SYSTEM, WRITE } from "./rights";
import { noteWrite } from "./video_memory";

/** Bytes at an address of the core's own memory, `size` of them: 1, 2, 4 or 8. */
export class Host {
  /** Zero-extended. */
  @inline static load(at: usize, size: i32): u64 {
    if (size == 8) return load<u64>(at);
    if (size == 4) return <u64>load<u32>(at);
    if (size == 2) return <u64>load<u16>(at);
    return <u64>load<u8>(at);
  }

  /** Takes the low bytes of `value`. */
  @inline static store(at: usize, size: i32, value: u64): void {
    if (size == 8) store<u64>(at, value);
    else if (size == 4) store<u32>(at, <u32>value);
    else if (size == 2) store<u16>(at, <u16>value);
    else store<u8>(at, <u8>value);
  }
}

/** What PAGE_HOST says of a physical address; PAGE_MMIO where there is nothing that the core has. */
function pageOf(physical: u64): u32 {
  const frame = frameOf(physical);
  return frame == NO_FRAME ? PAGE_MMIO : load<u32>(PAGE_HOST + (frame << 2));
}

/** Host address of a physical address in RAM or ROM, or 0. It holds until the instruction ends. */
export function hostOf(physical: u64): usize {
  const page = pageOf(physical);
  return (page & 3) == PAGE_MMIO ? 0 : (page & 0xfffff000) + (<u32>physical & 0xfff);
}

/** Host address of a page of RAM or ROM by its frame's number. */
export function hostOfFrame(frame: u32): usize {
  return load<u32>(PAGE_HOST + (frame << 2)) & 0xfffff000;
}

export function physicalRead64(physical: u64): u64 {
  const h = hostOf(physical);
  return h != 0 ? load<u64>(h) : 0;
}

export function physicalRead32(physical: u64): u32 {
  const h = hostOf(physical);
  return h != 0 ? load<u32>(h) : 0;
}

/**
 * Sets accessed and dirty bits in a paging-structure entry for an access. Where that drops decoded code, but the access is
 * one that blocks are not left after, it is attempted again (FAULT_AGAIN): false, nothing is changed then.
 */
export function physicalOr(physical: u64, bits: u32, access: i32): bool {
  const h = hostOf(physical);
  if (h == 0) return true;
  const v = load<u32>(h);
  if ((v & bits) == bits) return true;
  const frame = frameOf(physical);
  const offset = <u32>physical & 0xfff;
  const inBlock = load<u32>(S_COARSE) != 0 && (access & (EXEC | SYSTEM)) == 0;
  if (inBlock && holdsCode(frame, offset, 4)) {
    store<u32>(S_FAULT, FAULT_AGAIN);
    return false;
  }
  store<u32>(h, v | bits);
  noteWrite(h);
  codeWritten(frame, offset, 4);
  return true;
}

/** Whether an access of any kind there is one to RAM. */
export function isRam(physical: u64): bool {
  return (pageOf(physical) & 3) == PAGE_RAM;
}

/**
 * Whether an access to what is not RAM may depend on the time or takes some: to a device (writes to ROM reach one) or to
 * the local APIC.
 */
export function keepsTime(physical: u64, access: i32): bool {
  if (physical >> 32 != 0) return false;
  return (pageOf(physical) & 3) != PAGE_ROM || (access & WRITE) != 0;
}

/** The low `size` bytes of a value, 1, 2, 4 or 8. */
function lowBytes(value: u64, size: i32): u64 {
  return size == 8 ? value : value & (((<u64>1) << (<u64>size * 8)) - 1);
}

/** Reads `size` bytes inside one page, 1, 2, 4 or 8; those beyond are 0 whatever is there. */
export function physicalRead(physical: u64, size: i32): u64 {
  const h = hostOf(physical);
  if (h != 0) return Host.load(h, size);
  return lowBytes(outsideRead(physical, size), size);
}

/** Reads a device or unmapped memory, inside one page; what is beyond `size` bytes is anything. */
function outsideRead(physical: u64, size: i32): u64 {
  if (physical >> 32 != 0) return 0xffffffffffffffff;
  const address = <u32>physical;
  const cpu = load<i32>(S_CPU);
  if ((physical & PAGE_MASK) == apicBasePage()) {
    charge(LOCAL_APIC);
    let v = <u64>apicRead(address & 0xfff) >> (<u64>(address & 3) * 8);
    if (size == 8) v |= (<u64>apicRead((address + 4) & 0xfff)) << 32;
    return v;
  }
  charge(DEVICE_READ);
  if (<i32>(address & 3) + size <= 4) return <u64>mmio_read(cpu, address, size);
  let v: u64 = 0;
  let done = 0;
  while (done < size) {
    const at = address + done;
    let part = size - done;
    if (part > 4 - <i32>(at & 3)) part = 4 - <i32>(at & 3);
    if (part == 3) part = (at & 1) != 0 ? 1 : 2;
    const bits = <u64>mmio_read(cpu, at, part) & (((<u64>1) << (<u64>part * 8)) - 1);
    v |= bits << (<u64>done * 8);
    done += part;
  }
  return v;
}

/** Writes RAM or video memory (with code tracking), a device, or ROM (goes to the platform); inside one page. */
export function physicalWrite(physical: u64, size: i32, value: u64): void {
  const frame = frameOf(physical);
  if (frame == NO_FRAME) return;
  const page = load<u32>(PAGE_HOST + (frame << 2));
  const offset = <u32>physical & 0xfff;
  if ((page & 3) == PAGE_RAM) {
    const h = (page & 0xfffff000) + offset;
    // What stays as it is leaves decoded code as it is: a flag beside the loop that waits for it, say.
    const stays = holdsCode(frame, offset, size) && Host.load(h, size) == lowBytes(value, size);
    Host.store(h, size, value);
    noteWrite(h);
    if (!stays) codeWritten(frame, offset, size);
    return;
  }
  const address = <u32>physical;
  const cpu = load<i32>(S_CPU);
  if ((physical & PAGE_MASK) == apicBasePage()) {
    charge(LOCAL_APIC);
    apicWrite(address & 0xfff, <u32>value);
    if (size == 8) apicWrite((address + 4) & 0xfff, <u32>(value >> 32));
    return;
  }
  charge(DEVICE_WRITE);
  let done = 0;
  while (done < size) {
    const at = address + done;
    let part = size - done;
    if (part > 4 - <i32>(at & 3)) part = 4 - <i32>(at & 3);
    if (part == 3) part = (at & 1) != 0 ? 1 : 2;
    const bits = (value >> (<u64>done * 8)) & (((<u64>1) << (<u64>part * 8)) - 1);
    mmio_write(cpu, at, part, <u32>bits);
    done += part;
  }
}
