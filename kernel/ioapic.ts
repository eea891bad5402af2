// IOAPICs: redirection table entries of the interrupt pins. 82093AA datasheet, 3.2. All pins are masked
// until a semaphore is assigned to them.

import { NUM_IOAPIC } from "./abi";
import { allocPage } from "./page";
import { load32, store32, window } from "./x86";

const INDEX: u64 = 0x0;
const DATA: u64 = 0x10;
const REG_ID: u32 = 0;
const REG_VERSION: u32 = 1;
const REG_TABLE: u32 = 0x10;
const MASKED: u32 = 1 << 16;

@unmanaged
class Ioapic {
  address: u32;
  gsiBase: u32;
  pins: u32;
  id: u32;
  /** While the machine sleeps: its ID register and redirection table, a page. */
  saved: usize;
}

const table: usize = memory.data(180);
const ENTRY_BYTES: u32 = offsetof<Ioapic>();
let count: u32 = 0;

function entry(index: u32): Ioapic {
  return changetype<Ioapic>(table + index * ENTRY_BYTES);
}

function read(ioapic: Ioapic, register: u32): u32 {
  store32(window() + <u64>ioapic.address + INDEX, <u64>register);
  return <u32>load32(window() + <u64>ioapic.address + DATA);
}

function write(ioapic: Ioapic, register: u32, value: u32): void {
  store32(window() + <u64>ioapic.address + INDEX, <u64>register);
  store32(window() + <u64>ioapic.address + DATA, <u64>value);
}

/** Registers an IOAPIC from the MADT and masks its pins; false if there are too many or memory is out. */
export function addIoapic(id: u32, address: u32, gsiBase: u32): bool {
  if (count >= <u32>NUM_IOAPIC) return false;
  const ioapic = entry(count);
  ioapic.saved = allocPage();
  if (ioapic.saved === 0) return false;
  ioapic.address = address;
  ioapic.gsiBase = gsiBase;
  ioapic.id = id;
  ioapic.pins = ((read(ioapic, REG_VERSION) >> 16) & 0xff) + 1;
  for (let pin: u32 = 0; pin < ioapic.pins; pin++) write(ioapic, REG_TABLE + 2 * pin, MASKED);
  count++;
  return true;
}

export function ioapicCount(): u32 {
  return count;
}

/** Physical address of an IOAPIC's page. */
export function ioapicAddress(index: u32): u32 {
  return entry(index).address;
}

/** Writes the HIP's description of an IOAPIC: four u32. */
export function describeIoapic(index: u32, out: usize): void {
  const ioapic = entry(index);
  store<u32>(out, read(ioapic, REG_ID));
  store<u32>(out, read(ioapic, REG_VERSION), 4);
  store<u32>(out, ioapic.gsiBase, 8);
  store<u32>(out, ioapic.address, 12);
}

/** Index of the IOAPIC with this pin, or -1: the GSI is a message-signalled one. */
export function ioapicOf(gsi: u32): i32 {
  for (let i: u32 = 0; i < count; i++) {
    const ioapic = entry(i);
    if (gsi >= ioapic.gsiBase && gsi < ioapic.gsiBase + ioapic.pins) return <i32>i;
  }
  return -1;
}

/** Routes a pin: `low` is the low half of its redirection entry (vector, polarity, trigger mode, mask). */
export function setRedirection(gsi: u32, apicId: u32, low: u32): void {
  const index = ioapicOf(gsi);
  if (index < 0) return;
  const ioapic = entry(<u32>index);
  const pin = gsi - ioapic.gsiBase;
  write(ioapic, REG_TABLE + 2 * pin, low | MASKED);
  write(ioapic, REG_TABLE + 2 * pin + 1, apicId << 24);
  write(ioapic, REG_TABLE + 2 * pin, low);
}

export function setMasked(gsi: u32, masked: bool): void {
  const index = ioapicOf(gsi);
  if (index < 0) return;
  const ioapic = entry(<u32>index);
  const register = REG_TABLE + 2 * (gsi - ioapic.gsiBase);
  const low = read(ioapic, register);
  write(ioapic, register, masked ? low | MASKED : low & ~MASKED);
}

/** Keeps what the IOAPICs lose in a sleep state. */
export function saveIoapics(): void {
  for (let i: u32 = 0; i < count; i++) {
    const ioapic = entry(i);
    store<u32>(ioapic.saved, read(ioapic, REG_ID));
    for (let word: u32 = 0; word < 2 * ioapic.pins; word++) {
      store<u32>(ioapic.saved + ((word + 1) << 2), read(ioapic, REG_TABLE + word));
    }
  }
}

/** Undoes the loss: destinations first, since the other halves unmask. */
export function restoreIoapics(): void {
  for (let i: u32 = 0; i < count; i++) {
    const ioapic = entry(i);
    write(ioapic, REG_ID, load<u32>(ioapic.saved));
    for (let pin: u32 = 0; pin < ioapic.pins; pin++) {
      const at = ioapic.saved + (pin << 3);
      write(ioapic, REG_TABLE + 2 * pin + 1, load<u32>(at, 8));
      write(ioapic, REG_TABLE + 2 * pin, load<u32>(at, 4));
    }
  }
}
