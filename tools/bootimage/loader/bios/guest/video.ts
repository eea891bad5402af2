// Video modes by VBE (VESA BIOS Extension Core Functions Standard 3.0): AX = 4F00h controller information, 4F01h mode
// information, 4F02h setting a mode, 4F0Ah protected-mode interface. Only modes with a linear framebuffer count.

import { FRAMEBUFFER_INDEXED, FRAMEBUFFER_RGB, Framebuffer } from "../../core/firmware";
import { load16 } from "../../core/x86";
import { bios } from "./bios";
import { clear, offsetOf, registers, segmentOf } from "./registers";
import { leaveText } from "./screen";

const VIDEO: i32 = 0x10;
const CONTROLLER_INFORMATION: u32 = 0x4f00;
const MODE_INFORMATION: u32 = 0x4f01;
const SET_MODE: u32 = 0x4f02;
const PROTECTED_INTERFACE: u32 = 0x4f0a;
/** AL: supported; AH: success. */
const SUCCESS: u32 = 0x004f;
const LINEAR: u32 = 0x4000;

/** VbeInfoBlock: 4.3. "VBE2" asks for all of it. */
const VBE2: u32 = 0x32454256;
const CONTROL_BYTES: usize = 512;
const VERSION: usize = 4;
const MODES: usize = 14;
/** ModeInfoBlock: 4.4. */
const INFO_BYTES: usize = 256;
const ATTRIBUTES: usize = 0;
const PITCH: usize = 16;
const WIDTH: usize = 18;
const HEIGHT: usize = 20;
const DEPTH: usize = 25;
const MODEL: usize = 27;
const MASKS: usize = 31;
const ADDRESS: usize = 40;
const LINEAR_PITCH: usize = 50;
const LINEAR_MASKS: usize = 54;
/** The fields from LINEAR_PITCH on. */
const VBE3: u16 = 0x300;

/** Supported, in colour, graphics, with a linear framebuffer. */
const WANTED_ATTRIBUTES: u32 = 0x99;
const PACKED: u32 = 4;
const DIRECT: u32 = 6;

const END_OF_MODES: u16 = 0xffff;
/** A list of modes without an end is left. */
const MAX_MODES: i32 = 512;
const modes: usize = memory.data(2 * 512, 2);
const control: usize = memory.data(512, 16);
const info: usize = memory.data(256, 16);

const DEFAULT_WIDTH: u32 = 1024;
const DEFAULT_HEIGHT: u32 = 768;
const DEFAULT_DEPTH: u32 = 32;

function succeeded(): bool {
  return (registers.eax & 0xffff) === SUCCESS;
}

function call(function_: u32, buffer: usize, mode: u32): bool {
  clear();
  registers.eax = function_;
  registers.ecx = mode;
  registers.es = segmentOf(buffer);
  registers.edi = offsetOf(buffer);
  bios(VIDEO);
  return succeeded();
}

/** Copies the list of modes: it may lie where a later call writes. The number of modes, 0 without VBE 2.0. */
function listModes(): i32 {
  memory.fill(control, 0, CONTROL_BYTES);
  store<u32>(control, VBE2);
  if (!call(CONTROLLER_INFORMATION, control, 0)) return 0;
  if (load<u16>(control, VERSION) < 0x200) return 0;
  const list = ((<u64>load<u16>(control, MODES + 2)) << 4) + load<u16>(control, MODES);
  for (let i = 0; i < MAX_MODES; i++) {
    const mode = <u16>load16(list + ((<u64>i) << 1));
    if (mode === END_OF_MODES) return i;
    store<u16>(modes + ((<usize>i) << 1), mode);
  }
  return MAX_MODES;
}

/** The information on a mode that can be used, in `info`. */
function getInformation(mode: u32): bool {
  memory.fill(info, 0, INFO_BYTES);
  if (!call(MODE_INFORMATION, info, mode)) return false;
  if ((load<u16>(info, ATTRIBUTES) & WANTED_ATTRIBUTES) !== WANTED_ATTRIBUTES) return false;
  if (load<u32>(info, ADDRESS) === 0) return false;
  if (load<u16>(info, WIDTH) === 0 || load<u16>(info, HEIGHT) === 0) return false;
  const depth = load<u8>(info, DEPTH);
  const model = load<u8>(info, MODEL);
  if (model === DIRECT) return depth >= 15 && depth <= 32;
  return model === PACKED && depth >= 8 && depth <= 32;
}

function distance(is: u32, wish: u32): u64 {
  // What is too large may not fit the monitor: it must be twice as near.
  return is > wish ? <u64>(is - wish) * 2 : wish - is;
}

/** How far the mode of `info` is from the wish: size before depth. */
function farness(width: u32, height: u32, depth: u32): u64 {
  const size = distance(load<u16>(info, WIDTH), width) + distance(load<u16>(info, HEIGHT), height);
  const bits = <u32>load<u8>(info, DEPTH);
  // Deeper rather than shallower.
  const difference = bits >= depth ? bits - depth : 64 + depth - bits;
  return (size << 8) + difference;
}

function setColours(out: Framebuffer, masks: usize): void {
  // Of red, green, blue: bits, then position.
  out.redBits = load<u8>(masks);
  out.redPosition = load<u8>(masks, 1);
  out.greenBits = load<u8>(masks, 2);
  out.greenPosition = load<u8>(masks, 3);
  out.blueBits = load<u8>(masks, 4);
  out.bluePosition = load<u8>(masks, 5);
}

/** Packed pixels of 15 bits and more have the colours of VBE 1.2. */
function setUsualColours(out: Framebuffer): void {
  const bits = out.depth;
  const small: u8 = bits <= 16 ? 5 : 8;
  const green: u8 = bits === 16 ? 6 : small;
  out.blueBits = small;
  out.bluePosition = 0;
  out.greenBits = green;
  out.greenPosition = small;
  out.redBits = small;
  out.redPosition = small + green;
}

function describe(out: Framebuffer, mode: u32): void {
  const isVbe3 = load<u16>(control, VERSION) >= VBE3;
  const linearPitch = <u32>load<u16>(info, LINEAR_PITCH);
  out.address = load<u32>(info, ADDRESS);
  out.pitch = isVbe3 && linearPitch !== 0 ? linearPitch : load<u16>(info, PITCH);
  out.width = load<u16>(info, WIDTH);
  out.height = load<u16>(info, HEIGHT);
  out.depth = load<u8>(info, DEPTH);
  out.type = out.depth === 8 ? FRAMEBUFFER_INDEXED : FRAMEBUFFER_RGB;
  if (out.type === FRAMEBUFFER_RGB) {
    const masks = info + (isVbe3 && load<u8>(info, LINEAR_MASKS) !== 0 ? LINEAR_MASKS : MASKS);
    if (load<u8>(info, MODEL) === DIRECT && load<u8>(masks) !== 0) setColours(out, masks);
    else setUsualColours(out);
  }
  out.vbeMode = <u16>(mode | LINEAR);
  out.vbeControl = control;
  out.vbeModeInfo = info;
}

function findInterface(out: Framebuffer): void {
  clear();
  registers.eax = PROTECTED_INTERFACE;
  bios(VIDEO);
  if (!succeeded()) return;
  out.vbeInterfaceSegment = registers.es;
  out.vbeInterfaceOffset = <u16>registers.edi;
  out.vbeInterfaceBytes = <u16>registers.ecx;
}

/** Sets the mode nearest to the wish, where 0 means any; false where there is none, and the text screen stays. */
export function setVideo(width: u32, height: u32, depth: u32, out: Framebuffer): bool {
  const wishedWidth = width === 0 ? DEFAULT_WIDTH : width;
  const wishedHeight = height === 0 ? DEFAULT_HEIGHT : height;
  const wishedDepth = depth === 0 ? DEFAULT_DEPTH : depth;
  const count = listModes();
  let best: u32 = END_OF_MODES;
  let least: u64 = u64.MAX_VALUE;
  for (let i = 0; i < count; i++) {
    const mode = load<u16>(modes + ((<usize>i) << 1));
    if (!getInformation(mode)) continue;
    const far = farness(wishedWidth, wishedHeight, wishedDepth);
    if (far >= least) continue;
    least = far;
    best = mode;
  }
  if (best === END_OF_MODES || !getInformation(best)) return false;
  clear();
  registers.eax = SET_MODE;
  registers.ebx = best | LINEAR;
  bios(VIDEO);
  if (!succeeded()) return false;
  leaveText();
  describe(out, best);
  findInterface(out);
  return true;
}
