// Graphics: EFI_GRAPHICS_OUTPUT_PROTOCOL, UEFI 2.10, 12.9. Of all outputs' modes with a linear framebuffer the nearest
// to the wish is set; those that can only be drawn on by the firmware (BltOnly) are no use to a kernel.

import { FRAMEBUFFER_RGB, Framebuffer } from "../../core/firmware";
import { load64 } from "../../core/x86";
import { GRAPHICS_OUTPUT } from "./guid";
import { freePool, handleAt, locateHandles, physical, protocolOf, word } from "./services";
import { SUCCESS } from "./status";
import { call2, call4 } from "./uefi";

/** Offsets in the protocol. */
const QUERY_MODE: u64 = 0;
const SET_MODE: u64 = 8;
const MODE: u64 = 24;
/** Offsets in EFI_GRAPHICS_OUTPUT_PROTOCOL_MODE. */
const MAX_MODE: u64 = 0;
const CURRENT_MODE: u64 = 4;
const INFO: u64 = 8;
const FRAMEBUFFER_BASE: u64 = 24;
const FRAMEBUFFER_SIZE: u64 = 32;
/** Offsets in EFI_GRAPHICS_OUTPUT_MODE_INFORMATION. */
const WIDTH: u64 = 4;
const HEIGHT: u64 = 8;
const PIXEL_FORMAT: u64 = 12;
const RED_MASK: u64 = 16;
const GREEN_MASK: u64 = 20;
const BLUE_MASK: u64 = 24;
const RESERVED_MASK: u64 = 28;
const PIXELS_PER_LINE: u64 = 32;
/** EFI_GRAPHICS_PIXEL_FORMAT. */
const RED_FIRST: u32 = 0;
const BLUE_FIRST: u32 = 1;
const BIT_MASK: u32 = 2;

const NONE: u64 = u64.MAX_VALUE;
/** More modes than any output has are damage. */
const MOST_MODES: u32 = 4096;

const infoSize: usize = memory.data(8, 8);
const infoAddress: usize = memory.data(8, 8);

/** The nearest mode so far. */
let bestOutput: u64 = 0;
let bestMode: u32 = 0;
let bestDistance: u64 = NONE;

/** Masks of a mode's colours and of what is between them. */
function redMask(info: u64): u32 {
  const format = word(info + PIXEL_FORMAT);
  if (format === BIT_MASK) return word(info + RED_MASK);
  return format === RED_FIRST ? 0xff : 0xff_0000;
}

function greenMask(info: u64): u32 {
  return word(info + PIXEL_FORMAT) === BIT_MASK ? word(info + GREEN_MASK) : 0xff00;
}

function blueMask(info: u64): u32 {
  const format = word(info + PIXEL_FORMAT);
  if (format === BIT_MASK) return word(info + BLUE_MASK);
  return format === RED_FIRST ? 0xff_0000 : 0xff;
}

/** Bits of a pixel: up to the highest bit that any mask has, in whole bytes. 0 where the mode has no framebuffer. */
function depthOf(info: u64): u32 {
  const format = word(info + PIXEL_FORMAT);
  if (format === RED_FIRST || format === BLUE_FIRST) return 32;
  if (format !== BIT_MASK) return 0;
  const all = redMask(info) | greenMask(info) | blueMask(info) | word(info + RESERVED_MASK);
  return (32 - clz(all) + 7) & ~7;
}

function difference(a: u32, b: u32): u64 {
  return a > b ? a - b : b - a;
}

/** How far a mode is from the wish: the size counts before the depth. */
function distance(info: u64, width: u32, height: u32, depth: u32): u64 {
  let sum: u64 = 0;
  if (width !== 0) sum += difference(width, word(info + WIDTH));
  if (height !== 0) sum += difference(height, word(info + HEIGHT));
  return (sum << 8) + (depth !== 0 ? difference(depth, depthOf(info)) : 0);
}

/** Looks at all modes of an output; the current one comes first, for those who have no wish. */
function look(output: u64, width: u32, height: u32, depth: u32): void {
  const mode = load64(output + MODE);
  if (mode === 0) return;
  const current = word(mode + CURRENT_MODE);
  consider(output, current, width, height, depth);
  const count = min(word(mode + MAX_MODE), MOST_MODES);
  for (let i: u32 = 0; i < count; i++) {
    if (i !== current) consider(output, i, width, height, depth);
  }
}

function consider(output: u64, mode: u32, width: u32, height: u32, depth: u32): void {
  store<u64>(infoAddress, 0);
  const status = call4(
    load64(output + QUERY_MODE),
    output,
    mode,
    physical(infoSize),
    physical(infoAddress),
  );
  const info = load<u64>(infoAddress);
  if (status !== SUCCESS || info === 0) return;
  if (depthOf(info) !== 0) {
    const far = distance(info, width, height, depth);
    if (far < bestDistance) {
      bestOutput = output;
      bestMode = mode;
      bestDistance = far;
    }
  }
  freePool(info);
}

/** See `Firmware.setVideo`. */
export function setVideo(width: u32, height: u32, depth: u32, out: Framebuffer): bool {
  bestDistance = NONE;
  const count = locateHandles(GRAPHICS_OUTPUT);
  for (let i: u64 = 0; i < count; i++) {
    const output = protocolOf(handleAt(i), GRAPHICS_OUTPUT);
    if (output !== 0) look(output, width, height, depth);
  }
  if (bestDistance === NONE) return false;
  if (call2(load64(bestOutput + SET_MODE), bestOutput, bestMode) !== SUCCESS) return false;
  return describe(load64(bestOutput + MODE), out);
}

/** Fills in what has been set; false where the firmware names no memory for it. */
function describe(mode: u64, out: Framebuffer): bool {
  const info = load64(mode + INFO);
  const depth = depthOf(info);
  out.address = load64(mode + FRAMEBUFFER_BASE);
  out.pitch = word(info + PIXELS_PER_LINE) * (depth >> 3);
  out.width = word(info + WIDTH);
  out.height = word(info + HEIGHT);
  out.depth = <u8>depth;
  out.type = FRAMEBUFFER_RGB;
  const red = redMask(info);
  const green = greenMask(info);
  const blue = blueMask(info);
  out.redPosition = <u8>ctz(red);
  out.redBits = <u8>popcnt(red);
  out.greenPosition = <u8>ctz(green);
  out.greenBits = <u8>popcnt(green);
  out.bluePosition = <u8>ctz(blue);
  out.blueBits = <u8>popcnt(blue);
  out.vbeMode = 0;
  return out.address !== 0 && <u64>out.pitch * out.height <= load64(mode + FRAMEBUFFER_SIZE);
}
