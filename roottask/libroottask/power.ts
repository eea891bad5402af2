// Power off through ACPI: \_S5 from the DSDT (ACPI 6.4, 7.4.2 and 4.8.3.2.1) and the PM1 control blocks
// the HIP names. Only what the DSDT says literally is understood (a Name with a package of constants),
// which is what firmware does. Where that fails the port of QEMU's Q35 is tried.

import { CRD_OBJ } from "../libhedron/abi";
import { hipPm1Control, hipSdt } from "../libhedron/hip";
import { revoke } from "../libhedron/hypercalls";
import { outb, outw, rdtsc, ud2 } from "../libhedron/x86";
import { deadline } from "./clock";
import { claimMemory, claimPorts, hip, reachable } from "./machine";
import { equalsLiteral } from "./text";

const SLEEP_ENABLE: i32 = 1 << 13;
const SLEEP_TYPE_SHIFT: i32 = 10;
/** Port of QEMU's isa-debug-exit device as it is usually placed; the status becomes 2 × FAILURE + 1. */
const DEBUG_EXIT: u32 = 0xf4;
const FAILURE: i32 = 1;
/** PM1a_CNT of QEMU's Q35. */
const Q35_PM1A: u32 = 0x604;
/** Nanoseconds. */
const PATIENCE: u64 = 1_000_000_000;
/** The event portals are the selectors 0 to 31. */
const EVENT_ORDER: u64 = 5;
const TABLE_MAX: u32 = 1 << 20;
const HEADER: u32 = 36;
const FADT_DSDT: u32 = 40;
const FADT_X_DSDT: u32 = 140;

let typeA: i32 = 0;
let typeB: i32 = 0;

/** Maps the table at `address`; returns its length, or 0 where there is none to trust. */
function openTable(address: u64): u32 {
  if (address === 0 || !reachable(address, address + HEADER)) return 0;
  claimMemory(address, address + HEADER);
  const length = load<u32>((address as usize) + 4);
  if (length < HEADER || length > TABLE_MAX) return 0;
  if (!reachable(address, address + (length as u64))) return 0;
  claimMemory(address, address + (length as u64));
  return length;
}

function findTable(signature: string): u64 {
  const sdt = hipSdt(hip);
  const length = openTable(sdt);
  if (length === 0) return 0;
  const table = sdt as usize;
  const wide = equalsLiteral(table, 4, "XSDT");
  const size: u32 = wide ? 8 : 4;
  for (let at: u32 = HEADER; at + size <= length; at += size) {
    const entry = wide ? load<u64>(table + at) : (load<u32>(table + at) as u64);
    if (openTable(entry) !== 0 && equalsLiteral(entry as usize, 4, signature)) return entry;
  }
  return 0;
}

/**
 * The constant at `at` of AML that ends at `end`: ZeroOp, OneOp, BytePrefix, WordPrefix; -1 where it is something
 * else.
 */
function constant(at: usize, end: usize): i32 {
  if (at >= end || at + constantSize(at) > end) return -1;
  const code = load<u8>(at);
  if (code === 0x00 || code === 0x01) return code as i32;
  if (code === 0x0a) return load<u8>(at + 1) as i32;
  return code === 0x0b ? (load<u16>(at + 1) as i32) : -1;
}

function constantSize(at: usize): u32 {
  const code = load<u8>(at);
  return code === 0x0a ? 2 : code === 0x0b ? 3 : 1;
}

/** Looks for Name (\_S5, Package () {a, b, …}) in the DSDT. */
function readSleepTypes(): bool {
  const fadt = findTable("FACP");
  if (fadt === 0) return false;
  const fadtLength = load<u32>((fadt as usize) + 4);
  let address = fadtLength >= FADT_DSDT + 4 ? (load<u32>((fadt as usize) + FADT_DSDT) as u64) : 0;
  if (address === 0 && fadtLength >= FADT_X_DSDT + 8) {
    address = load<u64>((fadt as usize) + FADT_X_DSDT);
  }
  const length = openTable(address);
  const dsdt = address as usize;
  const end = dsdt + length;
  // Name, PackageOp and the length's first byte; the package may be the last thing in the table.
  for (let at: u32 = HEADER + 2; at + 6 <= length; at++) {
    if (!equalsLiteral(dsdt + at, 4, "_S5_") || load<u8>(dsdt + at + 4) !== 0x12) continue;
    const before = load<u8>(dsdt + at - 1);
    if (before !== 0x08 && !(before === 0x5c && load<u8>(dsdt + at - 2) === 0x08)) continue;
    const first = dsdt + at + 5 + 1 + (load<u8>(dsdt + at + 5) >> 6) + 1;
    const a = constant(first, end);
    if (a < 0) return false;
    const b = constant(first + constantSize(first), end);
    if (b < 0) return false;
    typeA = a & 7;
    typeB = b & 7;
    return true;
  }
  return false;
}

/** Gives the machine a second to follow the request: chipsets and emulators act on it a little later. */
function awaitPowerOff(): void {
  const end = deadline(PATIENCE);
  while (rdtsc() < end);
}

/** Switches the machine off. Returns only where the hardware ignores it. */
export function powerOff(): void {
  const portA = hipPm1Control(hip, false);
  const portB = hipPm1Control(hip, true);
  if (portA !== 0 && readSleepTypes()) {
    claimPorts(portA, 2);
    outw(portA, SLEEP_ENABLE | (typeA << SLEEP_TYPE_SHIFT));
    if (portB !== 0) {
      claimPorts(portB, 2);
      outw(portB, SLEEP_ENABLE | (typeB << SLEEP_TYPE_SHIFT));
    }
    awaitPowerOff();
  }
  claimPorts(Q35_PM1A, 2);
  outw(Q35_PM1A, SLEEP_ENABLE);
  awaitPowerOff();
}

/**
 * Ends the system because it cannot do its work: through isa-debug-exit where there is one, so that whoever
 * started the machine gets a non-zero status. Elsewhere the roottask ends by an exception that nobody
 * handles, and the kernel stops the machine with the log in sight. Does not return.
 */
export function abandon(): void {
  claimPorts(DEBUG_EXIT, 1);
  outb(DEBUG_EXIT, FAILURE);
  revoke(CRD_OBJ, 0, EVENT_ORDER);
  ud2();
}
