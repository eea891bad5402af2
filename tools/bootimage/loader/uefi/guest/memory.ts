// Memory: pages from the firmware (UEFI 2.10, 7.2.1), its map as ranges of E820 (7.2.3; ACPI Specification 6.5, table
// 15.5), and the end of its services (7.4.6), behind which the last map is kept.

import { BELOW_4_GIB, PAGE } from "../../core/allocator";
import {
  EfiInfo,
  MEMORY_ACPI,
  MEMORY_BAD,
  MEMORY_NVS,
  MEMORY_PERSISTENT,
  MEMORY_RESERVED,
  MEMORY_USABLE,
} from "../../core/firmware";
import { addRange } from "../../core/memory_map";
import { allocateOutside } from "../../core/placement";
import { load64 } from "../../core/x86";
import { MEMORY_ATTRIBUTE } from "./guid";
import { leaveScreen } from "./screen";
import {
  ALLOCATE_PAGES,
  bootService,
  EXIT_BOOT_SERVICES,
  GET_MEMORY_MAP,
  handleAt,
  locateHandles,
  physical,
  protocolOf,
  word,
} from "./services";
import {
  BUFFER_TOO_SMALL,
  INCOMPATIBLE_VERSION,
  INVALID_PARAMETER,
  OUT_OF_RESOURCES,
  SUCCESS,
} from "./status";
import { call2, call4, call5, image_handle, system_table } from "./uefi";
import { cli } from "./x86";

/** EFI_ALLOCATE_TYPE. */
const ALLOCATE_MAX_ADDRESS: u64 = 1;
const ALLOCATE_ADDRESS: u64 = 2;
/** EFI_MEMORY_TYPE. */
const LOADER_CODE: u32 = 1;
const LOADER_DATA: u32 = 2;
const BOOT_SERVICES_CODE: u32 = 3;
const BOOT_SERVICES_DATA: u32 = 4;
const CONVENTIONAL: u32 = 7;
const UNUSABLE: u32 = 8;
const ACPI_RECLAIM: u32 = 9;
const ACPI_NVS: u32 = 10;
const PERSISTENT: u32 = 14;
/** Attribute of memory for a special purpose, which programs must not take unasked. */
const SPECIAL_PURPOSE: u64 = 0x4_0000;
/** Offsets in EFI_MEMORY_DESCRIPTOR, and its least size. */
const TYPE: u64 = 0;
const PHYSICAL_START: u64 = 8;
const NUMBER_OF_PAGES: u64 = 24;
const ATTRIBUTE: u64 = 32;
const DESCRIPTOR: u64 = 40;
/** Room for descriptors that come while the map is fetched: allocating its buffer alone may make two. */
const SLACK: u64 = 4096;
/** EFI_MEMORY_ATTRIBUTE_PROTOCOL.ClearMemoryAttributes (37.7): not readable, not executable, not writable. */
const CLEAR_ATTRIBUTES: u64 = 16;
const PROTECTED: u64 = 0x2_6000;
/** How often a map that has changed meanwhile is fetched again. */
const ATTEMPTS: i32 = 8;

/** What GetMemoryMap stores. */
const mapSize: usize = memory.data(8, 8);
const mapKey: usize = memory.data(8, 8);
const descriptorSize: usize = memory.data(8, 8);
const descriptorVersion: usize = memory.data(8, 8);
const place: usize = memory.data(8, 8);

export const efiInfo = changetype<EfiInfo>(memory.data(offsetof<EfiInfo>(), 8));

/** EFI_MEMORY_ATTRIBUTE_PROTOCOL, or 0 where there is none. */
let attributes: u64 = 0;
/** The map's buffer and its bytes. */
let buffer: u64 = 0;
let bufferBytes: u64 = 0;
/** Whether the services' end has begun, and whether it is over. */
let leaving: bool = false;
let left: bool = false;

export function isLeaving(): bool {
  return leaving;
}

/** Pages that may hold code: kernels and the hand-off run there while the firmware's page tables still count. */
function allocatePages(kind: u64, address: u64, bytes: u64): bool {
  if (bytes === 0 || bytes > ~PAGE) return false;
  store<u64>(place, address);
  const pages = (bytes + PAGE - 1) / PAGE;
  const status = call4(bootService(ALLOCATE_PAGES), kind, LOADER_CODE, pages, physical(place));
  if (status !== SUCCESS) return false;
  if (attributes !== 0) {
    const clear = load64(attributes + CLEAR_ATTRIBUTES);
    call4(clear, attributes, load<u64>(place), pages * PAGE, PROTECTED);
  }
  return true;
}

export function allocate(bytes: u64, below: u64): u64 {
  return below > 0 && allocatePages(ALLOCATE_MAX_ADDRESS, below - 1, bytes) ? load<u64>(place) : 0;
}

export function claim(address: u64, bytes: u64): bool {
  const base = address & ~(PAGE - 1);
  if (address + bytes < address) return false;
  return allocatePages(ALLOCATE_ADDRESS, base, address + bytes - base);
}

/** Takes a buffer for a map of `bytes` bytes and some more, outside of where kernels go; false where there is none. */
function makeRoom(bytes: u64): bool {
  bufferBytes = (bytes + SLACK + PAGE - 1) & ~(PAGE - 1);
  buffer = allocateOutside(bufferBytes, BELOW_4_GIB);
  return buffer !== 0;
}

/** Fetches the map into the buffer, which grows as it must; its status. */
function fetchMap(): u64 {
  for (let i = 0; i < ATTEMPTS; i++) {
    store<u64>(mapSize, bufferBytes);
    const status = call5(
      bootService(GET_MEMORY_MAP),
      physical(mapSize),
      buffer,
      physical(mapKey),
      physical(descriptorSize),
      physical(descriptorVersion),
    );
    if (status === SUCCESS) {
      const size = load<u64>(mapSize);
      if (size > bufferBytes || load<u64>(descriptorSize) < DESCRIPTOR) return INCOMPATIBLE_VERSION;
      describe();
    }
    if (status !== BUFFER_TOO_SMALL) return status;
    if (!makeRoom(load<u64>(mapSize))) return OUT_OF_RESOURCES;
  }
  return BUFFER_TOO_SMALL;
}

/** The E820 type of a descriptor: what belongs to boot services and loader is free once they have ended. */
function rangeType(type: u32, attribute: u64): u32 {
  switch (type) {
    case LOADER_CODE:
    case LOADER_DATA:
    case BOOT_SERVICES_CODE:
    case BOOT_SERVICES_DATA:
    case CONVENTIONAL:
      return (attribute & SPECIAL_PURPOSE) !== 0 ? MEMORY_RESERVED : MEMORY_USABLE;
    case UNUSABLE:
      return MEMORY_BAD;
    case ACPI_RECLAIM:
      return MEMORY_ACPI;
    case ACPI_NVS:
      return MEMORY_NVS;
    case PERSISTENT:
      return MEMORY_PERSISTENT;
    default:
      return MEMORY_RESERVED;
  }
}

export function readMemoryMap(): bool {
  if (!left && fetchMap() !== SUCCESS) return false;
  const size = load<u64>(descriptorSize);
  const end = buffer + load<u64>(mapSize);
  for (let at = buffer; at + size <= end; at += size) {
    // What is longer than the address space ends with it.
    const pages = min(load64(at + NUMBER_OF_PAGES), u64.MAX_VALUE / PAGE);
    const type = rangeType(word(at + TYPE), load64(at + ATTRIBUTE));
    addRange(load64(at + PHYSICAL_START), pages * PAGE, type);
  }
  return true;
}

/** Ends the boot services; 0 or a status. A map that has changed since it was fetched is fetched again. */
export function leave(): u64 {
  // The buffer of the first map may be in the kernel's way.
  if (!makeRoom(bufferBytes)) return OUT_OF_RESOURCES;
  let status: u64 = SUCCESS;
  for (let i = 0; i < ATTEMPTS; i++) {
    status = fetchMap();
    if (status !== SUCCESS) return status;
    leaving = true;
    // What is printed from here on would change the map.
    leaveScreen();
    status = call2(bootService(EXIT_BOOT_SERVICES), image_handle(), load<u64>(mapKey));
    if (status === SUCCESS) {
      // The firmware's interrupt handlers are memory that is free now.
      cli();
      left = true;
      return SUCCESS;
    }
    if (status !== INVALID_PARAMETER) return status;
  }
  return status;
}

/** What kernels are told. */
function describe(): void {
  efiInfo.map = buffer;
  efiInfo.mapBytes = load<u64>(mapSize);
  efiInfo.descriptorBytes = load<u32>(descriptorSize);
  efiInfo.descriptorVersion = load<u32>(descriptorVersion);
}

export function initMemory(): void {
  if (locateHandles(MEMORY_ATTRIBUTE) > 0) attributes = protocolOf(handleAt(0), MEMORY_ATTRIBUTE);
  efiInfo.imageHandle = image_handle();
  efiInfo.systemTable = system_table();
}
