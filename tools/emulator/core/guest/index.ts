// Entry of the core's wasm module: what Node sees. Functions of other rooms than schedule/ are here for compiled regions,
// which call them or know by them where a handler does something that is rare (../../jit/specialize.ts).

export { branch_links } from "./decode/branch_links";
export { plain_handler } from "./decode/pairs";
export { wideQuotient, wideSignedQuotient } from "./integer/multiply";
export { probe, readForWrite, readSlow, writeSlow } from "./memory/access";
export { segmentAddress } from "./memory/segments";
export { used_page } from "./memory/zero_pages";
export { add_watchpoint, clear_watchpoints, set_breakpoint } from "./op/debugger";
export { assumptionFailed, set_heat } from "./op/heat";
export { branchSlow, cached_block, findBlock, linkTo } from "./op/lookup";
export { faultAt, leaveStopped } from "./op/op";
export { set_skipping, wait_handler } from "./op/wait";
export { interruptPending } from "./processor/apic";
export {
  apic_message,
  cpu_state,
  cpu_state_changed,
  create,
  frame_written,
  high_memory,
  map_backed,
  map_pages,
  raise_nmi,
  ram_base,
  ram_written,
  reset_cpu,
  set_a20,
  set_intr,
  set_latencies,
  set_model_word,
  set_trace,
  video_memory,
  video_seen,
} from "./schedule/exports";
export {
  advance_to,
  exit_cpu,
  exit_detail,
  instructions,
  next_timer,
  pass_time,
  request_exit,
  run,
  shorten_deadline,
  state_loaded,
  step,
  time,
} from "./schedule/run";
export { readSlowly, storeSlowly } from "./simd/access";
export { floatScalar32, floatScalar64 } from "./simd/forms";
export { sure32, sure32x4, sure64, sure64x2 } from "./simd/quick";
export { writeModeFlags } from "./system/flag_writes";
export {
  x87Arithmetic,
  x87ArithmeticMemory,
  x87Compare,
  x87CompareFlags,
  x87CompareMemory,
  x87Load,
} from "./x87/arithmetic";
export { addNormal, divideNormal, multiplyNormal } from "./x87/normal";
