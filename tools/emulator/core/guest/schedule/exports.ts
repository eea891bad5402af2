// What the platform may do to the core besides running it: set-up, pins, messages. The contract is
// tools/emulator/core/interface.ts.

import { MAX_CPUS, PAGE_MMIO } from "../../protocol";
import {
  MACHINE,
  MACHINE_SIZE,
  PAGE_CODEBITS,
  PAGE_HOST,
  RAM_BASE,
  S_CPU,
  SLOTS,
  STATE,
  STATE_SIZE,
} from "../../state";
import { installBuilder } from "../decode/block";
import { arenaFlush, codeWritten, dropCode } from "../memory/code_pages";
import { placeHighMemory } from "../memory/high_memory";
import { updateMode } from "../memory/segments";
import { flushAllCpus, flushTlb, initTlbs, unnoteWriteTags } from "../memory/tlb";
import { forgetWrites, placeVideoMemory } from "../memory/video_memory";
import { setA20 } from "../memory/walk";
import { pulseNmi, route, setLint0 } from "../processor/apic";
import { setCpuCount, stateOf } from "../processor/cpus";
import { setLatencies } from "../processor/latency";
import { setCpuModel, setModelWord } from "../processor/model";
import { setTraceMask } from "../processor/tracing";
import { initSimd } from "../simd/decode";
import { seedRandom } from "../system/random";
import { powerOn } from "../system/reset";
import { switchTo } from "./run";

export function create(cpus: i32, ramBytes: u32, model: i32): void {
  if (cpus < 1) cpus = 1;
  if (cpus > MAX_CPUS) cpus = MAX_CPUS;
  const need = <i32>((<u64>RAM_BASE + <u64>ramBytes + 0xffff) >> 16);
  const have = memory.size();
  if (need > have) memory.grow(need - have);
  installBuilder();
  initSimd();
  setCpuCount(cpus);
  setCpuModel(model);
  initTlbs();
  for (let i = cpus - 1; i >= 0; i--) {
    store<i32>(S_CPU, i);
    powerOn();
    if (i != 0) memory.copy(SLOTS + i * STATE_SIZE, STATE, STATE_SIZE);
  }
  memory.fill(MACHINE, 0, MACHINE_SIZE);
  setA20(true);
  seedRandom();
}

/** Has CPUID say `value` in a word of the CPU model (processor/model.ts), before anything runs. */
export function set_model_word(index: i32, value: u32): void {
  setModelWord(index, value);
}

export function ram_base(): u32 {
  return RAM_BASE;
}

/** Makes room for video memory at the end of the core's; where it begins, or 0 if the host has no room. */
export function video_memory(bytes: u32): u32 {
  const pages = <i32>((<u64>bytes + 0xffff) >> 16);
  const end = memory.size();
  if (memory.grow(pages) < 0 || !placeVideoMemory((<u32>end) << 16, bytes)) return 0;
  return (<u32>end) << 16;
}

/** Makes room for RAM from 4 GiB on; where its map begins, or 0 if the host has no room. */
export function high_memory(pages: u32, stay: u32): u32 {
  return <u32>placeHighMemory(pages, stay);
}

/** The host has written to a page of higher RAM that is in the core's memory. */
export function frame_written(frame: u32): void {
  codeWritten(frame, 0, 0x1000);
}

/** VIDEO_WRITTEN has been looked at: pages of video memory are noted there that are written from now on. */
export function video_seen(): void {
  forgetWrites();
  unnoteWriteTags();
}

/** From now on the page of a frame is what `entry` of PAGE_HOST says. */
function mapPage(frame: u32, entry: u32): void {
  const slot = PAGE_HOST + (frame << 2);
  if (load<u32>(slot) == entry) return;
  store<u32>(slot, entry);
  if (load<u64>(PAGE_CODEBITS + (frame << 3)) != 0) dropCode(frame);
}

/** Maps pages with backing at RAM_BASE + address (kinds Ram and Rom). */
export function map_pages(first: u32, pages: u32, kind: u32): void {
  for (let i: u32 = 0; i < pages; i++) {
    const frame = first + i;
    if (frame > 0xfffff) break;
    mapPage(frame, kind == PAGE_MMIO ? 0 : (RAM_BASE + (frame << 12)) | kind);
  }
  flushAllCpus();
}

/** Maps pages with backing at offset `backing` of the core's memory (ROM at 4 GiB, video memory). */
export function map_backed(first: u32, pages: u32, kind: u32, backing: u32): void {
  for (let i: u32 = 0; i < pages; i++) {
    const frame = first + i;
    if (frame > 0xfffff) break;
    mapPage(frame, (backing + (i << 12)) | kind);
  }
  flushAllCpus();
}

export function ram_written(address: u32, length: u32): void {
  let at = <u64>address;
  let left = <u64>length;
  while (left > 0) {
    const inPage = 0x1000 - (at & 0xfff);
    const n = min<u64>(left, inPage);
    codeWritten(<u32>(at >> 12), <u32>at & 0xfff, <u32>n);
    at += n;
    left -= n;
  }
}

export function reset_cpu(cpu: i32): void {
  const live = load<i32>(S_CPU);
  switchTo(cpu);
  powerOn();
  switchTo(live);
}

export function cpu_state(cpu: i32): u32 {
  return <u32>stateOf(cpu, STATE);
}

export function cpu_state_changed(cpu: i32): void {
  const live = load<i32>(S_CPU);
  switchTo(cpu);
  flushTlb();
  updateMode();
  switchTo(live);
}

export function set_intr(level: u32): void {
  setLint0(0, level);
}

export function raise_nmi(cpu: i32): void {
  pulseNmi(cpu);
}

export function apic_message(
  destination: u32,
  logical: u32,
  delivery: u32,
  vector: u32,
  level: u32,
): i32 {
  return route(destination, logical != 0, delivery, vector, level != 0, false) ? 1 : 0;
}

export function set_a20(enabled: u32): void {
  setA20(enabled != 0);
}

/** Whether what takes longer than an instruction does so. */
export function set_latencies(on: u32): void {
  setLatencies(on != 0);
}

export function set_trace(mask: u32): void {
  setTraceMask(mask);
  // Blocks are decoded with or without the ops that trace.
  arenaFlush();
}
