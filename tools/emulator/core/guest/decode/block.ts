// Builds blocks: decodes instructions from guest memory until a branch or the end of a line of code.

import { TRACE_DECODED, TRACE_EXECUTED } from "../../protocol";
import {
  BLOCK_END,
  BLOCK_FIRST,
  BLOCK_HEADER,
  BLOCK_KEY,
  BLOCK_REGION,
  FETCH_BUFFER,
  KEY_SINGLE,
  KEY_SIZE,
  OP_SIZE,
  S_FAULT,
  S_LIN_MASK,
  S_RIP_BASE,
  SCRATCH_BLOCK,
} from "../../state";
import { ret, ret64 } from "../integer/branch";
import { nop } from "../integer/move";
import { frameOfCode, reachCode } from "../memory/access";
import { canonical } from "../memory/canonical";
import { arenaTakeBlock, arenaTop, codeMap, markCode } from "../memory/code_pages";
import { frameOf, NO_FRAME } from "../memory/high_memory";
import { hostOf, hostOfFrame, physicalRead } from "../memory/physical";
import { breakpointCount, breakpointOp, breaksAt } from "../op/debugger";
import { appendHeat, heated, heatOp } from "../op/heat";
import { endBlock, setBuilder } from "../op/lookup";
import { Op } from "../op/op";
import { appendWait, skipping, WAIT_NONE } from "../op/wait";
import { NO_ADDRESS, PAGE_MASK } from "../processor/control_bits";
import { GP, raiseCode } from "../processor/fault";
import { traceBlock, traces } from "../processor/tracing";
import { endsBlock, handlerOf, overrun } from "./cursor";
import { fuse } from "./fuse";
import { decodeOne } from "./instruction";
import { definePairs, pairUp } from "./pairs";
import { counterOf, counterWidth, waitsHow } from "./waiting_loops";

/**
 * A block ends behind the instruction that reaches the end of a line of so many bytes. Events are taken at block
 * ends, so where blocks end must depend on addresses alone, not on where execution happened to enter.
 */
const LINE: u32 = 256;

/** Makes `lookup` find this builder. */
export function installBuilder(): void {
  const fn: (rip: u64, linear: u64, key: u32) => usize = build;
  setBuilder(load<u32>(changetype<usize>(fn)));
  definePairs();
}

function build(rip: u64, linear: u64, key: u32): usize {
  if (!canonical(linear)) {
    raiseCode(GP, 0);
    return 0;
  }
  const offset = <u32>linear & 0xfff;
  let frame = frameOfCode(linear);
  if (frame == NO_FRAME) {
    const physical = reachCode(linear);
    if (physical == NO_ADDRESS) return 0;
    if (hostOf(physical & PAGE_MASK) == 0) {
      store<u64>(S_RIP_BASE, rip - <u64>offset);
      return buildFromDevice(linear, physical, key);
    }
    frame = frameOf(physical);
  }
  store<u64>(S_RIP_BASE, rip - <u64>offset);
  const page = hostOfFrame(frame);
  // The translation was missing, not the block.
  const known = load<u32>(codeMap(frame) + (offset << 2));
  if (known != 0 && load<u32>(known, BLOCK_KEY) == key) return known + BLOCK_HEADER;

  const block = arenaTop;
  let at = block + BLOCK_HEADER;
  let pos = offset;
  let count = 0;
  const lineEnd = (key & KEY_SINGLE) != 0 ? offset + 1 : (offset & ~(LINE - 1)) + LINE;
  let ended = false;
  if (traces(TRACE_EXECUTED)) {
    appendTest(at, pos, key, 0, handlerOf(tracedOp));
    at += OP_SIZE;
  } else if (heated && (key & KEY_SINGLE) == 0) {
    appendHeat(at, handlerOf(heatOp), frame, offset);
    at += OP_SIZE;
  }
  let first = at;
  while (pos < lineEnd) {
    if (breakpointCount !== 0 && (key & KEY_SINGLE) === 0 && breaksAt(pos)) {
      appendTest(at, pos, key, count, handlerOf(breakpointOp));
      at += OP_SIZE;
    }
    const length = decodeOne(at, page + pos, 0x1000 - pos, pos, count, key);
    if (overrun) {
      if (count == 0) return buildCrossing(linear, page, key);
      break;
    }
    pos += length;
    count++;
    // What does nothing needs no record: those behind it say how many instructions come before them.
    if ((key & KEY_SINGLE) != 0 || changetype<Op>(at).h != handlerOf(nop)) at += OP_SIZE;
    if (endsBlock) {
      ended = true;
      break;
    }
  }
  let waits = WAIT_NONE;
  if (ended) {
    if (skipping && breakpointCount == 0 && !traces(TRACE_EXECUTED) && (key & KEY_SINGLE) == 0) {
      const last = changetype<Op>(at - OP_SIZE);
      const target = last.disp - <i64>offset;
      // A return says no target, which in a block at a page's start would be the block.
      if (last.h != handlerOf(ret) && last.h != handlerOf(ret64))
        waits = waitsHow(page + offset, pos - offset, target, key & KEY_SIZE);
    }
    at = fuse(first, at);
  } else {
    appendEnd(at, pos, count);
    at += OP_SIZE;
  }
  if (waits != WAIT_NONE) {
    // It takes the place of the heat record.
    if (first == block + BLOCK_HEADER) {
      memory.copy(first + OP_SIZE, first, at - first);
      first += OP_SIZE;
      at += OP_SIZE;
    }
    appendWait(first - OP_SIZE, offset, waits, at - OP_SIZE, counterOf(), counterWidth());
  } else pairUp(first, at);
  store<u32>(block, key, BLOCK_KEY);
  store<u32>(block, <u32>first, BLOCK_FIRST);
  store<u32>(block, <u32>at, BLOCK_END);
  store<u32>(block, 0, BLOCK_REGION);
  // Blocks take the same room with and without the record at their start, so that the arena is full at the same moment.
  arenaTakeBlock(at - block + (first == block + BLOCK_HEADER ? OP_SIZE : 0), frame);
  store<u32>(codeMap(frame) + (offset << 2), block);
  markCode(frame, offset, pos - offset);
  if (traces(TRACE_DECODED)) traceBlock(TRACE_DECODED, rip, pos - offset);
  return block + BLOCK_HEADER;
}

/** An op that belongs to no instruction: it looks at the address and goes on. */
function appendTest(at: usize, pos: u32, key: u32, count: i32, handler: u32): void {
  const test = changetype<Op>(at);
  test.h = handler;
  test.off = <u16>(pos & 0xfff);
  test.idx = <u16>count;
  test.disp = <i64>pos;
  test.size = <u8>(key & 3);
}

function tracedOp(op: Op): usize {
  traceBlock(TRACE_EXECUTED, load<u64>(S_RIP_BASE) + op.disp, 0);
  return changetype<usize>(op) + OP_SIZE;
}

/** The op that ends a block without a branch: continues at page offset `pos`. */
function appendEnd(at: usize, pos: u32, count: i32): void {
  const end = changetype<Op>(at);
  end.h = handlerOf(endBlock);
  end.off = <u16>(pos & 0xfff);
  end.idx = <u16>count;
  end.disp = <i64>pos;
  end.imm = 0;
  end.size = 8;
}

/** A block of one instruction that reaches into the next page; lives in SCRATCH_BLOCK. */
function buildCrossing(linear: u64, page: usize, key: u32): usize {
  const offset = <u32>linear & 0xfff;
  const here = 0x1000 - offset;
  memory.copy(FETCH_BUFFER, page + offset, here);
  const next = ((linear & PAGE_MASK) + 0x1000) & load<u64>(S_LIN_MASK);
  const p1 = reachCode(next);
  if (p1 == NO_ADDRESS) return 0;
  for (let i: u32 = 0; i < 16; i++) {
    store<u8>(FETCH_BUFFER + here + i, <u8>physicalRead(p1 + <u64>i, 1));
  }
  return buildScratch(offset, key, here + 16);
}

function buildFromDevice(linear: u64, physical: u64, key: u32): usize {
  const offset = <u32>linear & 0xfff;
  let n: u32 = 0;
  while (n < 16 && offset + n < 0x1000) {
    store<u8>(FETCH_BUFFER + n, <u8>physicalRead(physical + <u64>n, 1));
    n++;
  }
  return buildScratch(offset, key, n);
}

function buildScratch(offset: u32, key: u32, available: u32): usize {
  const block: usize = SCRATCH_BLOCK;
  let at = block + BLOCK_HEADER;
  if (breakpointCount !== 0 && (key & KEY_SINGLE) === 0 && breaksAt(offset)) {
    appendTest(at, offset, key, 0, handlerOf(breakpointOp));
    at += OP_SIZE;
  }
  const length = decodeOne(at, FETCH_BUFFER, available, offset, 0, key);
  if (overrun) {
    raiseCode(GP, 0);
    return 0;
  }
  if (!endsBlock) appendEnd(at + OP_SIZE, offset + length, 1);
  store<u32>(block, key, BLOCK_KEY);
  return load<u32>(S_FAULT) != 0 ? 0 : block + BLOCK_HEADER;
}
