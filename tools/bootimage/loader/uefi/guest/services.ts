// The firmware's tables and the boot services that several files use: UEFI 2.10, 4.3 (system table), 4.4 (boot
// services table), 7.2 (memory), 7.3 (protocols). Functions answer EFI_STATUS unless they say something else.

import { load32, load64, window } from "../../core/x86";
import { SUCCESS } from "./status";
import { call1, call3, call5, system_table } from "./uefi";

/** Offsets in EFI_SYSTEM_TABLE. */
export const CONSOLE_IN: u64 = 48;
export const CONSOLE_OUT: u64 = 64;
export const RUNTIME_SERVICES: u64 = 88;
const BOOT_SERVICES: u64 = 96;
const TABLE_COUNT: u64 = 104;
const TABLES: u64 = 112;
/** EFI_CONFIGURATION_TABLE: a GUID and an address. */
const TABLE_BYTES: u64 = 24;
/** More of them than any firmware has are damage. */
const MOST_TABLES: u64 = 4096;

/** Offsets in EFI_BOOT_SERVICES. */
export const ALLOCATE_PAGES: u64 = 40;
export const GET_MEMORY_MAP: u64 = 56;
const FREE_POOL: u64 = 72;
const HANDLE_PROTOCOL: u64 = 152;
export const EXIT_BOOT_SERVICES: u64 = 232;
export const STALL: u64 = 248;
export const SET_WATCHDOG_TIMER: u64 = 256;
const LOCATE_HANDLE_BUFFER: u64 = 312;

/** EFI_LOCATE_SEARCH_TYPE, 7.3.15. */
const BY_PROTOCOL: u64 = 2;

/** What functions of the firmware store through pointers. */
const first: usize = memory.data(8, 8);
const second: usize = memory.data(8, 8);

/** Physical address of linear memory, as the firmware wants pointers. */
export function physical(pointer: usize): u64 {
  return window() + <u64>pointer;
}

/** A pointer in the system table. */
export function systemTable(offset: u64): u64 {
  return load64(system_table() + offset);
}

/** Address of a boot service. */
export function bootService(offset: u64): u64 {
  return load64(systemTable(BOOT_SERVICES) + offset);
}

/** The interface that a handle has for a protocol, or 0. */
export function protocolOf(handle: u64, guid: usize): u64 {
  store<u64>(first, 0);
  const status = call3(bootService(HANDLE_PROTOCOL), handle, physical(guid), physical(first));
  return status === SUCCESS ? load<u64>(first) : 0;
}

/** All handles with a protocol: `count` of them from `handleAt(0)` on, until `freeHandles`. */
@unmanaged
class Handles {
  count: u64;
  buffer: u64;
}

const handles = changetype<Handles>(memory.data(offsetof<Handles>(), 8));

/** Number of handles with a protocol, 0 also where the firmware cannot say. They stay until the next call. */
export function locateHandles(guid: usize): u64 {
  freePool(handles.buffer);
  handles.buffer = 0;
  store<u64>(first, 0);
  store<u64>(second, 0);
  const status = call5(
    bootService(LOCATE_HANDLE_BUFFER),
    BY_PROTOCOL,
    physical(guid),
    0,
    physical(first),
    physical(second),
  );
  if (status !== SUCCESS) return 0;
  handles.buffer = load<u64>(second);
  return load<u64>(first);
}

/** One of the handles found last. */
export function handleAt(index: u64): u64 {
  return load64(handles.buffer + index * 8);
}

/** Gives back what the firmware has allocated for an answer; 0 is nothing. */
export function freePool(buffer: u64): void {
  if (buffer !== 0) call1(bootService(FREE_POOL), buffer);
}

/** The configuration table with this GUID, or 0. */
export function configurationTable(guid: usize): u64 {
  const count = min(load64(system_table() + TABLE_COUNT), MOST_TABLES);
  const tables = systemTable(TABLES);
  for (let i: u64 = 0; i < count; i++) {
    const entry = tables + i * TABLE_BYTES;
    if (load64(entry) === load<u64>(guid) && load64(entry + 8) === load<u64>(guid + 8)) {
      return load64(entry + 16);
    }
  }
  return 0;
}

/** A field of 32 bits without sign. */
export function word(address: u64): u32 {
  return <u32>load32(address);
}
