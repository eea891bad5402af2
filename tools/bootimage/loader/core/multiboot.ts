// Starting a kernel by one of the Multiboot protocols, from its file in memory to its entry.

import { hasScreen, prepareScreen, screen } from "./boot_data";
import { Entry } from "./configuration";
import { fail, failFile } from "./failure";
import { FRAMEBUFFER_TEXT, firmware } from "./firmware";
import { enterKernel, prepareHandOff } from "./hand_off";
import { ENTER_32, ENTER_AS_IS } from "./hand_off_layout";
import { ImageFile } from "./image_file";
import { leaveFirmware } from "./leave";
import { rangeCount } from "./memory_map";
import { loadModules } from "./modules";
import {
  acceptsText,
  fromElf,
  hasMultiboot1,
  hasMultiboot2,
  keepsServices,
  kernelEntry,
  needsConsole,
  readHeader1,
  readHeader2,
  videoDepth,
  videoHeight,
  videoWidth,
  wantsVideo,
} from "./multiboot_header";
import { informationBytes1, MULTIBOOT1_MAGIC, writeInformation1 } from "./multiboot1";
import { askFirmware, informationBytes2, MULTIBOOT2_MAGIC, writeInformation2 } from "./multiboot2";
import { allocateNear, claimSegments, fillSegments } from "./placement";
import { noSections, placeSections } from "./sections";

/** Ranges by which the map may grow when the firmware is left. */
const MORE_RANGES: i32 = 128;
const LEAST_EFI_MAP: u64 = 0x1_0000;

/** Starts the Multiboot kernel `file`, which lies at `at`. Returns only after an error has been printed. */
export function startMultiboot(file: ImageFile, at: u64, entry: Entry, second: bool): bool {
  const path = file.path;
  const length = file.pathLength;
  if (second) {
    if (!hasMultiboot2(at, file.size)) return failFile(path, length, "has no Multiboot2 header");
    if (!readHeader2(file, at)) return false;
  } else {
    if (!hasMultiboot1(at, file.size)) return failFile(path, length, "has no Multiboot header");
    if (!readHeader1(file, at)) return false;
  }
  if (!claimSegments(file, keepsServices)) return false;
  if (!fillSegments(at, file.size)) return failFile(path, length, "there is no memory for it");
  noSections();
  if (fromElf && !placeSections(at, file.size)) {
    return failFile(path, length, "there is no memory for its sections");
  }
  return loadModules(entry) && chooseScreen(file, entry) && enter(entry, second);
}

function chooseScreen(file: ImageFile, entry: Entry): bool {
  if (entry.hasVideo) prepareScreen(true, entry.width, entry.height, entry.depth);
  else prepareScreen(wantsVideo, videoWidth, videoHeight, videoDepth);
  const console = hasScreen && (acceptsText || screen.type !== FRAMEBUFFER_TEXT);
  if (console || !needsConsole) return true;
  return failFile(file.path, file.pathLength, "requires a screen that this machine does not have");
}

/** UEFI's map as it is told, where it is told at all. */
function efiMapBytes(): u64 {
  const efi = firmware.efi;
  return efi === null ? 0 : max(2 * efi.mapBytes, LEAST_EFI_MAP);
}

function enter(entry: Entry, second: bool): bool {
  const ranges = rangeCount() + MORE_RANGES;
  if (second) askFirmware();
  const room = second
    ? informationBytes2(entry, ranges, efiMapBytes())
    : informationBytes1(entry, ranges);
  const information = allocateNear(room);
  if (information === 0) return fail("there is no memory for the boot information");
  if (!prepareHandOff()) return false;
  if (!keepsServices && !leaveFirmware()) return false;
  const written = second
    ? writeInformation2(entry, information, room)
    : writeInformation1(entry, information, room);
  if (!written) return fail("the memory map is longer than it was");
  const magic = second ? MULTIBOOT2_MAGIC : MULTIBOOT1_MAGIC;
  enterKernel(keepsServices ? ENTER_AS_IS : ENTER_32, kernelEntry, magic, information, 0);
  return false;
}
