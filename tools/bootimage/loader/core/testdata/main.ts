// The core with the unit tests' firmware, and what they ask of its parts.

import { allocateFromMap, claimFromMap, reserve } from "../allocator";
import {
  defaultEntry,
  entryAt,
  entryCount,
  mistake,
  mistakeLine,
  moduleAt,
  parseConfiguration,
  timeout,
} from "../configuration";
import { ApmInfo, EfiInfo, Framebuffer, firmware } from "../firmware";
import { runLoader } from "../loader";
import { addRange, rangeBase, rangeCount, rangeEnd, rangeType, readMap } from "../memory_map";
import { imageId } from "../parameters";
import * as host from "./host";

export {
  addRange,
  allocateFromMap,
  claimFromMap,
  defaultEntry,
  entryCount,
  imageId,
  mistakeLine,
  parseConfiguration,
  rangeBase,
  rangeCount,
  rangeEnd,
  rangeType,
  readMap,
  reserve,
  timeout,
};

function screenColumns(): u32 {
  return 80;
}

function screenRows(): u32 {
  return 25;
}

function screenColor(attribute: u8): void {
  host.screen_color(attribute);
}

function readMemoryMap(): bool {
  return host.read_memory_map() !== 0;
}

function allocate(bytes: u64, below: u64): u64 {
  return host.own_allocator() !== 0 ? host.allocate(bytes, below) : allocateFromMap(bytes, below);
}

function claim(address: u64, bytes: u64): bool {
  if (host.own_allocator() === 0) return claimFromMap(address, bytes);
  return host.claim(address, bytes) !== 0;
}

function setVideo(width: u32, height: u32, depth: u32, out: Framebuffer): bool {
  return host.set_video(width, height, depth, changetype<usize>(out)) !== 0;
}

function apm(out: ApmInfo): bool {
  return false;
}

const efi = changetype<EfiInfo>(memory.data(offsetof<EfiInfo>(), 8));

/** Connects the firmware. */
export function connect(): void {
  firmware.readBlocks = host.read_blocks;
  firmware.screenColumns = screenColumns;
  firmware.screenRows = screenRows;
  firmware.screenClear = host.screen_clear;
  firmware.screenAt = host.screen_at;
  firmware.screenColor = screenColor;
  firmware.screenPut = host.screen_put;
  firmware.readKey = host.read_key;
  firmware.milliseconds = host.milliseconds;
  firmware.readMemoryMap = readMemoryMap;
  firmware.allocate = allocate;
  firmware.claim = claim;
  firmware.setVideo = setVideo;
  firmware.rsdp = host.rsdp;
  firmware.smbios = host.smbios;
  firmware.apm = apm;
  firmware.bootDrive = host.boot_drive;
  firmware.leave = host.leave;
  firmware.stop = host.stop;
  firmware.efi = host.efi_info(changetype<usize>(efi)) !== 0 ? efi : null;
}

export function run(): void {
  connect();
  runLoader();
}

/** Fields of an entry, in the order of its class. */
export function entryField(index: i32, field: i32): i32 {
  const entry = entryAt(index);
  if (field === 0) return <i32>entry.title;
  if (field === 1) return entry.titleLength;
  if (field === 2) return <i32>entry.kernel;
  if (field === 3) return entry.kernelLength;
  if (field === 4) return <i32>entry.commandLine;
  if (field === 5) return entry.commandLineLength;
  if (field === 6) return entry.modules;
  if (field === 7) return <i32>entry.protocol;
  if (field === 8) return entry.hasVideo ? 1 : 0;
  if (field === 9) return <i32>entry.width;
  if (field === 10) return <i32>entry.height;
  return <i32>entry.depth;
}

export function moduleField(index: i32, module: i32, field: i32): i32 {
  const line = moduleAt(entryAt(index), module);
  if (field === 0) return <i32>line.path;
  if (field === 1) return line.pathLength;
  if (field === 2) return <i32>line.text;
  return line.textLength;
}

/** The text of the last mistake: UTF-16 in memory, and its units. */
export function mistakeText(): usize {
  return changetype<usize>(mistake);
}

export function mistakeLength(): i32 {
  return mistake.length;
}

/** Room for a configuration to parse. */
export const scratch: usize = memory.data(0x1_1000, 8);
