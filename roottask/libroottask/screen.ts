// The log on the screen: on the framebuffer that the kernel's information page describes, or in the text memory of a
// VGA where it is in a text mode. Taking that memory from the kernel makes the kernel leave the screen alone.

import {
  FRAMEBUFFER_BYTES,
  framebufferAddress,
  framebufferBytes,
  isFramebuffer,
} from "../../tools/screen/guest/framebuffer";
import {
  flushScreen,
  openPixelScreen,
  openVgaScreen,
  screenCursor,
  screenRows,
} from "../../tools/screen/guest/text_screen";
import {
  isVgaText,
  putVgaCursor,
  showVgaFrom,
  VGA_CRTC,
  VGA_GRAPHICS,
  VGA_TEXT,
  VGA_TEXT_END,
} from "../../tools/screen/guest/vga";
import { CRD_MEM, MEM_R, MEM_W, PAGE_SIZE, ROOT_SEL_PD, XFER_FROM_KERNEL } from "../libhedron/abi";
import { hipFramebuffer, hipIsUefi } from "../libhedron/hip";
import { delegateRange } from "../libhedron/hypercalls";
import { claimPorts } from "./machine";

/** Where a framebuffer is mapped: above all other addresses of the roottask, at the same offset in a GiB as it has. */
const SCREEN_BASE: u64 = 0x10_0000_0000;
const GIB_MASK: u64 = 0x3fff_ffff;
/** More than any screen has: a description of a larger one is taken for garbage. */
const MAX_BYTES: u64 = 0x4000_0000;
/** An index register and its data register. */
const PAIR: u32 = 2;
/** Largest piece delegated at once: 2 MiB. */
const MAX_ORDER: u64 = 9;
const PAGE: u64 = PAGE_SIZE;

let isVga: bool = false;

/** Maps the physical pages of [start, end) to the address `at`, which has the same place in its page as `start`. */
function mapDevice(start: u64, end: u64, at: u64): void {
  let from = start / PAGE;
  let to = at / PAGE;
  const stop = (end + PAGE - 1) / PAGE;
  while (from < stop) {
    let order: u64 = 0;
    while (
      order < MAX_ORDER &&
      ((from | to) & ((1 as u64) << order)) === 0 &&
      from + ((2 as u64) << order) <= stop
    ) {
      order++;
    }
    const rights = MEM_R | MEM_W;
    delegateRange(ROOT_SEL_PD, ROOT_SEL_PD, CRD_MEM, from, to, order, rights, XFER_FROM_KERNEL);
    from += (1 as u64) << order;
    to += (1 as u64) << order;
  }
}

function openFramebuffer(description: usize): void {
  if (!isFramebuffer(description)) return;
  const address = framebufferAddress(description);
  const bytes = framebufferBytes(description);
  if (bytes > MAX_BYTES) return;
  const at = SCREEN_BASE + (address & GIB_MASK);
  mapDevice(address, address + bytes, at);
  openPixelScreen(description, description + FRAMEBUFFER_BYTES, at);
}

function openText(): void {
  claimPorts(VGA_GRAPHICS, PAIR);
  if (!isVgaText()) return;
  claimPorts(VGA_CRTC, PAIR);
  mapDevice(VGA_TEXT, VGA_TEXT_END, VGA_TEXT);
  isVga = true;
  openVgaScreen(VGA_TEXT);
  showVgaFrom(0);
}

/** Takes the screen of the machine that the information page describes, if it has one, and clears it. */
export function openScreen(hip: usize): void {
  const description = hipFramebuffer(hip);
  if (description !== 0) openFramebuffer(description);
  else if (!hipIsUefi(hip)) openText();
  showScreen();
}

/** Draws what has been put on the screen. */
export function showScreen(): void {
  if (screenRows() === 0) return;
  flushScreen();
  if (isVga) putVgaCursor(screenCursor());
}
