// Entry of the core's wasm module: what Node sees.

export { branch_links } from "./decode/branch_links";
export { add_watchpoint, clear_watchpoints, set_breakpoint } from "./op/debugger";
export { set_heat } from "./op/heat";
export {
  apic_message,
  cpu_state,
  cpu_state_changed,
  create,
  map_backed,
  map_pages,
  raise_nmi,
  ram_base,
  ram_written,
  reset_cpu,
  set_a20,
  set_intr,
  set_trace,
} from "./schedule/exports";
export {
  advance_to,
  exit_cpu,
  exit_detail,
  instructions,
  next_timer,
  request_exit,
  run,
  shorten_deadline,
  state_loaded,
  step,
  time,
} from "./schedule/run";
