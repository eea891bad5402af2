// The kernel's lines on the screen: on the framebuffer that the loader has set up, or on a VGA in colour text mode. On
// the VGA they are in the second text page, which is made the visible one, so that a program that writes to the first
// one finds nothing changed there. When a program gets the screen's memory, the kernel leaves the screen alone.

import {
  FIELD_BYTES,
  FRAMEBUFFER_BYTES,
  framebufferAddress,
  framebufferBytes,
  isFramebuffer,
} from "../tools/screen/guest/framebuffer";
import {
  clearScreen,
  closeScreen,
  flushScreen,
  openPixelScreen,
  openVgaScreen,
  putByteOnScreen,
  screenCursor,
  screenRows,
  setScreenColor,
} from "../tools/screen/guest/text_screen";
import {
  isVgaText,
  putVgaCursor,
  showVgaFrom,
  VGA_TEXT,
  VGA_TEXT_END,
} from "../tools/screen/guest/vga";
import { framebuffer, framebufferColors, isEfi } from "./boot_info";
import { hasOption } from "./command_line";
import { isBootMemory } from "./pool";
import { claimScreen } from "./space_mem";
import { mapScreen } from "./window";
import { window } from "./x86";

/** Bright white on black. */
const COLOR: u8 = 0x0f;
const NEW_LINE: i32 = 10;
/** Cells from the first text page to the second. */
const PAGE_CELLS: u32 = 0x800;

/** Physical memory of the screen that is the kernel's, [first, end); 0 and 0 where none is. */
let first: u64 = 0;
let end: u64 = 0;

/** Takes the framebuffer if it can be one: `mapScreen` has room for it, and nothing of the kernel's lies there. */
function openFramebufferScreen(description: usize): void {
  if (!isFramebuffer(description)) return;
  const address = framebufferAddress(description);
  const limit = address + framebufferBytes(description);
  if (isBootMemory(address, limit)) return;
  claimScreen(address, limit);
  if (hasOption("novga")) return;
  const at = mapScreen(address, limit);
  if (at === 0) return;
  // What the loader has written may lie where the roottask writes.
  const copy = memory.data(32);
  memory.copy(copy, description, FRAMEBUFFER_BYTES);
  const colors = framebufferColors();
  if (colors !== 0) memory.copy(copy + FRAMEBUFFER_BYTES, colors, FIELD_BYTES);
  openPixelScreen(copy, colors === 0 ? 0 : copy + FRAMEBUFFER_BYTES, at);
  first = address;
  end = limit;
}

function openTextScreen(): void {
  if (isEfi() || hasOption("novga") || !isVgaText()) return;
  openVgaScreen(window() + VGA_TEXT + <u64>(PAGE_CELLS * 2));
  showVgaFrom(PAGE_CELLS);
  first = VGA_TEXT;
  end = VGA_TEXT_END;
}

/** Clears the screen that the boot information tells of or that is there, unless the option `novga` forbids it. */
export function openScreen(): void {
  const description = framebuffer();
  if (description !== 0) openFramebufferScreen(description);
  else openTextScreen();
  if (screenRows() === 0) return;
  setScreenColor(COLOR);
  clearScreen();
  flush();
}

function flush(): void {
  flushScreen();
  if (first === VGA_TEXT) putVgaCursor(PAGE_CELLS + screenCursor());
}

/** Prints a byte; what there is of a line is drawn when it ends. */
export function putOnScreen(byte: i32): void {
  if (screenRows() === 0) return;
  putByteOnScreen(byte);
  if (byte === NEW_LINE) flush();
}

/** Physical memory from `start` on is about to become a program's: if the screen's is there, so does the screen. */
export function yieldScreen(start: u64, bytes: u64): void {
  if (start >= end || start + bytes <= first) return;
  if (first === VGA_TEXT) {
    showVgaFrom(0);
    putVgaCursor(0);
  }
  closeScreen();
  first = 0;
  end = 0;
}
