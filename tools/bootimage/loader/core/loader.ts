// The loader from its start on either firmware to the jump into a kernel.

import { BELOW_4_GIB } from "./allocator";
import {
  defaultEntry,
  Entry,
  entryAt,
  MOST_TEXT,
  mistake,
  mistakeLine,
  PROTOCOL_ANY,
  PROTOCOL_LINUX,
  PROTOCOL_MULTIBOOT1,
  PROTOCOL_MULTIBOOT2,
  parseConfiguration,
} from "./configuration";
import { endLine, initConsole, print, printBytes, printDecimal, printLine } from "./console";
import { beginFileError, endError, fail, failFile } from "./failure";
import { BLOCK, firmware } from "./firmware";
import { findFile, ImageFile, loadFile, readFile, readFileTable, roomFor } from "./image_file";
import { hasFirmware } from "./leave";
import { isLinux, startLinux } from "./linux";
import { readMap } from "./memory_map";
import { chooseEntry, hasMenu, takeCommandLine } from "./menu";
import { startMultiboot } from "./multiboot";
import { hasMultiboot1, hasMultiboot2 } from "./multiboot_header";
import { pause, window } from "./x86";

/** The configuration as it was read: whole blocks. */
const text: usize = memory.data(0x8000, 2048);
/** "boot/boot.conf" */
const configurationPath: usize = memory.data<u8>([
  0x62, 0x6f, 0x6f, 0x74, 0x2f, 0x62, 0x6f, 0x6f, 0x74, 0x2e, 0x63, 0x6f, 0x6e, 0x66,
]);
const CONFIGURATION_PATH_LENGTH: i32 = 14;

/** Starts what the image says. Returns only where there is nothing to start and the firmware takes over again. */
export function runLoader(): void {
  initConsole();
  printLine("Trihedron boot loader");
  start();
  while (!hasFirmware) pause();
  firmware.stop();
}

/** Returns only after an error has been printed. */
function start(): bool {
  if (!readMap()) return fail("the firmware has no memory map, or one of more than 512 ranges");
  if (!readFileTable() || !readConfiguration()) return false;
  let index = defaultEntry;
  if (hasMenu()) index = chooseEntry();
  else takeCommandLine(entryAt(index));
  return startEntry(entryAt(index));
}

const file = changetype<ImageFile>(memory.data(offsetof<ImageFile>(), 8));

function readConfiguration(): bool {
  if (!findFile(configurationPath, CONFIGURATION_PATH_LENGTH, file)) return false;
  if (file.size > MOST_TEXT) {
    return failFile(file.path, file.pathLength, "is longer than 32768 bytes");
  }
  if (!readFile(file, window() + <u64>text)) return false;
  if (parseConfiguration(text, <u32>file.size)) return true;
  beginFileError(file.path, file.pathLength);
  if (mistakeLine > 0) {
    print("line ");
    printDecimal(mistakeLine);
    print(": ");
  }
  print(mistake);
  return endError();
}

function startEntry(entry: Entry): bool {
  print("starting ");
  printBytes(entry.title, entry.titleLength);
  endLine();
  if (!findFile(entry.kernel, entry.kernelLength, file)) return false;
  const at = firmware.allocate(max<u64>(roomFor(file.size), BLOCK), BELOW_4_GIB);
  if (at === 0) {
    return failFile(file.path, file.pathLength, "there is no memory for it below 4 GiB");
  }
  if (!loadFile(file, at)) return false;
  const protocol = entry.protocol === PROTOCOL_ANY ? protocolOf(at) : entry.protocol;
  if (protocol === PROTOCOL_LINUX) return startLinux(file, at, entry);
  if (protocol === PROTOCOL_ANY) {
    return failFile(
      file.path,
      file.pathLength,
      "is neither a Multiboot kernel nor a Linux bzImage",
    );
  }
  return startMultiboot(file, at, entry, protocol === PROTOCOL_MULTIBOOT2);
}

/** What the kernel's file says that it is. */
function protocolOf(at: u64): u32 {
  if (hasMultiboot2(at, file.size)) return PROTOCOL_MULTIBOOT2;
  if (hasMultiboot1(at, file.size)) return PROTOCOL_MULTIBOOT1;
  return isLinux(at, file.size) ? PROTOCOL_LINUX : PROTOCOL_ANY;
}
