// The boundary between the CPU core (AssemblyScript, one wasm instance for all CPUs of a machine) and
// the platform (TypeScript devices). Everything that leaves the core goes through `CoreImports`,
// everything the platform may do to the core is in `CoreExports`. Numbers are unsigned 32-bit values
// unless said otherwise; times are virtual nanoseconds as doubles (exact up to 2^53).

import {
  EXIT_DEAD,
  EXIT_DEADLINE,
  EXIT_DEBUG,
  EXIT_IDLE,
  EXIT_REQUESTED,
  EXIT_TRIPLE_FAULT,
  EXIT_UNIMPLEMENTED,
  PAGE_MMIO,
  PAGE_RAM,
  PAGE_ROM,
} from "./protocol.ts";

/** Kinds of a 4 KiB page of guest-physical address space below 4 GiB. */
export const PageKind = { Mmio: PAGE_MMIO, Ram: PAGE_RAM, Rom: PAGE_ROM } as const;

/** Why `CoreExports.run` returned; core/protocol.ts says what each means. */
export const RunExit = {
  Deadline: EXIT_DEADLINE,
  Idle: EXIT_IDLE,
  Requested: EXIT_REQUESTED,
  TripleFault: EXIT_TRIPLE_FAULT,
  Unimplemented: EXIT_UNIMPLEMENTED,
  Dead: EXIT_DEAD,
  Debug: EXIT_DEBUG,
} as const;

/** Functions the core calls (wasm import module `env`). */
export interface CoreImports {
  /** IN: `size` is 1, 2 or 4 bytes. */
  port_read(cpu: number, port: number, size: number): number;
  port_write(cpu: number, port: number, size: number, value: number): void;
  /** Access to a page of kind Mmio or a write to Rom; never crosses a 4-byte boundary, `size` is 1, 2 or 4. */
  mmio_read(cpu: number, address: number, size: number): number;
  mmio_write(cpu: number, address: number, size: number, value: number): void;
  /** INTA cycle for an ExtINT: the 8259A pair's vector. */
  interrupt_acknowledge(cpu: number): number;
  /** A level-triggered vector has been ended by EOI (broadcast to the IOAPICs). */
  apic_eoi(vector: number): void;
  /** One line for `-d`: what happened, see TRACE_* in core/protocol.ts. Called only while its bit is set in `set_trace`. */
  trace(cpu: number, event: number, a: number, b: number, c: number): void;
}

/** Functions that the core calls for the compiled tier (wasm import module `env`, too). */
export interface TierImports {
  /**
   * The block at this address of `memory` has been entered as often as `set_heat` said. Returns after how many entries it
   * is hot again, or 0 if its heat record has got another handler. Called for a block that enters a region, too, when what
   * that takes for granted has not been so for as often as its heat record says.
   */
  hot(block: number): number;
  /** Decoded code of a page frame that regions were compiled from is gone; of all pages if the number is 0xFFFFFFFF. */
  code_dropped(frame: number): void;
}

/** Functions that the core calls where RAM above 4 GiB is more than it has room for (wasm import module `env`, too). */
export interface StoreImports {
  /** Keeps the page of 4 KiB at `host` of `memory`. Returns a number for it, below 2^31. */
  page_out(host: number): number;
  /** Copies the page that is kept under this number to `host`, and keeps it no more. */
  page_in(kept: number, host: number): void;
}

/** Functions the core exports. */
export interface CoreExports {
  memory: WebAssembly.Memory;
  /** Handlers of micro-ops, by the index in their records; regions are added behind them. */
  table: WebAssembly.Table;
  /** Builds a machine in a fresh instance: number of CPUs (1 to MAX_CPUS), RAM below 4 GiB in bytes, CPU model (0 = Ivy Bridge, 1 = max). CPU 0 is the BSP, the others wait for SIPI. */
  create(cpus: number, ramBytes: number, model: number): void;
  /** Has CPUID say `value` in word `index` of the CPU model (guest/processor/model.ts), before anything runs. */
  set_model_word(index: number, value: number): void;
  /** 0: every instruction takes a nanosecond, whatever it does. Otherwise (as after `create`) with guest/processor/latency.ts. */
  set_latencies(on: number): void;
  /** 0: every iteration of loops that wait is executed. Otherwise (as after `create`) those whose outcome is known are skipped. */
  set_skipping(on: number): void;
  /** Table index of the handler that skips iterations: it begins the blocks of loops that wait. */
  wait_handler(): number;
  /** From an import: the access takes up to `ns` nanoseconds longer, but not beyond what is due next. Nothing without latencies. */
  pass_time(ns: number): void;
  /** Offset in `memory` of guest-physical address 0. RAM page P (kind Ram or Rom) is at `ram_base() + P * 4096`. */
  ram_base(): number;
  /**
   * Makes room for `bytes` of video memory, once in a machine: where it begins in `memory`, which may have moved, or 0 if
   * there is no room. Writes to it are noted in VIDEO_WRITTEN of core/state.ts where `map_backed` shows it as Ram.
   */
  video_memory(bytes: number): number;
  /**
   * Makes room for `pages` pages of RAM from 4 GiB on, once in a machine, of which up to `stay` (MAX_RESIDENT of
   * core/state.ts at most) stay in `memory`, which may have moved. Where their map begins, or 0 if there is no room: a u32
   * for each page, 0 for zeros, 0x80000000 | number if it is kept outside, or the place in `memory` + 1, whose page frame is
   * HIGH_FRAME + place.
   */
  high_memory(pages: number, stay: number): number;
  /** Tells the core that the host wrote to a page of higher RAM which is in `memory`. */
  frame_written(frame: number): void;
  /** Clears VIDEO_WRITTEN. A guest cannot tell. */
  video_seen(): void;
  /** Sets the kind of `pages` pages from page frame `first` on; also while CPUs run. */
  map_pages(first: number, pages: number, kind: number): void;
  /** Offset in `memory` of the first page of 4 KiB from `start` on that is not all zero, or `end`. */
  used_page(start: number, end: number): number;
  /** Tells the core that the host wrote to guest RAM (drops decoded code and compiled regions there). */
  ram_written(address: number, length: number): void;
  /** Power-on reset of one CPU (registers as in Intel SDM vol. 3A, table 10-1). */
  reset_cpu(cpu: number): void;
  /** Offset in `memory` of the CPU state struct; its layout is in core/state.ts. */
  cpu_state(cpu: number): number;
  /** Drops cached translations, segment and mode caches after the host changed a CPU's state. */
  cpu_state_changed(cpu: number): void;
  /** Runs all CPUs, interleaved, until virtual time `deadline` (ns) or another exit. Returns a `RunExit`. */
  run(deadline: number): number;
  /** Virtual time now, ns; in a callback that of the access, and never less than a device has been shown before. */
  time(): number;
  /** Jumps the clock forward to `time` (ns) while all CPUs are idle. */
  advance_to(time: number): void;
  /** The next moment (ns) at which a local APIC timer fires, or Infinity. */
  next_timer(): number;
  /** Ends `run` after the current instruction with `RunExit.Requested`. */
  request_exit(): void;
  /** Makes `run` return at `deadline` at the latest; a device that starts a timer during `run` calls this. */
  shorten_deadline(deadline: number): void;
  exit_cpu(): number;
  exit_detail(): number;
  /** Level of the 8259A pair's INTR output, wired to LINT0 of CPU 0. */
  set_intr(level: number): void;
  /** NMI pin (LINT1) pulse of one CPU. */
  raise_nmi(cpu: number): void;
  /** Message from an IOAPIC or MSI: Intel SDM vol. 3A, 11.11. `logical` is the destination mode, `level` the trigger mode. Returns 1 if a CPU accepted it. */
  apic_message(
    destination: number,
    logical: number,
    delivery: number,
    vector: number,
    level: number,
  ): number;
  /** A20 gate. */
  set_a20(enabled: number): void;
  /** Instructions retired by all CPUs since `create`. */
  instructions(): number;
  /** Bit mask of trace events to report. */
  set_trace(mask: number): void;
  /** Maps pages like `map_pages`, with their contents at offset `backing` of `memory`. */
  map_backed(first: number, pages: number, kind: number, backing: number): void;
  /** Sets or removes a debugger's breakpoint on the instruction at a linear address: `run` returns Debug before it. */
  set_breakpoint(address: bigint, on: number): void;
  /** Watches `length` bytes; `kinds` is 1 for writes, 2 for reads, 3 for both. `run` returns Debug after the access, `exit_detail()` is 1 + the number of the watchpoint in order of adding. */
  add_watchpoint(address: bigint, length: number, kinds: number): void;
  clear_watchpoints(): void;
  /** Blocks are hot after so many entries, from 1 on; with 0, as at the start, they do not count. Drops all decoded code. */
  set_heat(threshold: number): void;
  /** Address of the block that a look-up of this RIP would find without a page walk, or 0. */
  cached_block(rip: bigint): number;
  /** Which links the records of a handler have: core/guest/decode/branch_links.ts. */
  branch_links(handler: number): number;
  /** The handler of the first instruction alone, of one that executes a pair of them; of others the same. */
  plain_handler(handler: number): number;
  /** Executes one instruction of one CPU, or one interrupt delivery, breakpoints ignored; returns a `RunExit`, Deadline if nothing special happened. */
  step(cpu: number): number;
  /** The ranges of `memory` that hold state (CPUs, APICs, MACHINE of core/state.ts) have been replaced: drops all decoded code and translations, and has the pages of RAM above 4 GiB kept outside. */
  state_loaded(): void;
}
